import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { openBystander } from './bystander.ts'
import type { ReadyLine, StubFile } from './protocol.ts'
import { readPorts, readSettings } from './settings.ts'
import { openStub } from './stub.ts'
import { trust } from './trust.ts'

// The first process of a container has no default action for signals.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))

for (const { path, content } of JSON.parse(process.env.STUB_FILES ?? '[]') as StubFile[]) {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content, { mode: 0o600 })
}
const { STUB_AUTHORITIES } = process.env
if (STUB_AUTHORITIES !== undefined) trust(await readFile(STUB_AUTHORITIES, 'utf8'))

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
