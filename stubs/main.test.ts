import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { PATHS, TOKEN } from './testing/loopback.ts'

const environment = {
  STUB_ROLE: 'backend',
  STUB_INSTANCE: 'blue',
  STUB_PORT: '0',
  STUB_CONTROL_PORT: '0',
  STUB_TOKEN: TOKEN,
  STUB_PATHS: JSON.stringify(PATHS),
}

function start(deviations: Record<string, string> = {}) {
  return spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: { ...environment, ...deviations },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

describe('the process', () => {
  test('says in one line that it is ready, serves, and ends at once when told', async () => {
    const child = start()
    const [line] = await once(createInterface(child.stdout), 'line')
    const ready = JSON.parse(line)
    expect(ready).toMatchObject({ ready: true, role: 'backend', instance: 'blue' })
    const answer = await fetch(`http://127.0.0.1:${ready.port}/api/x`)
    expect(await answer.json()).toMatchObject({ instance: 'blue' })
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('names the setting that is wrong', async () => {
    const child = start({ STUB_ROLE: 'edge' })
    const said = text(child.stderr)
    expect(await once(child, 'exit')).toEqual([1, null])
    expect(await said).toContain('STUB_ROLE must be frontend or backend, not edge')
  })
})
