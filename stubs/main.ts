import { openBystander } from './bystander.ts'
import type { ReadyLine } from './protocol.ts'
import { readPorts, readSettings } from './settings.ts'
import { openStub } from './stub.ts'

// The first process of a container has no default action for signals.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))

if (process.env.STUB_ROLE === 'other') {
  await openBystander(readPorts(process.env.STUB_PORTS ?? '[]'))
  console.log(JSON.stringify({ ready: true, role: 'other' }))
} else await serve()

async function serve(): Promise<void> {
  const settings = readSettings(process.env)
  const { port, controlPort } = await openStub(settings)
  const { role, instance } = settings
  const line: ReadyLine = { ready: true, role, instance, port, controlPort }
  console.log(JSON.stringify(line))
}
