import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryPlatform } from '../fixtures/platform/temporary-platform.ts'
import { showRequest } from './at.ts'
import { readOptions } from './options.ts'

const files = {
  'nginx.conf': `events {}
http {
  add_header A outer;
  server {
    listen 80;
    server_name a.example;
    location /api/ {
      add_header B "$host";
      proxy_pass http://web:3000;
    }
  }
}
`,
}

async function show(...args: string[]): Promise<string> {
  await using platform = await temporaryPlatform(files)
  const options = readOptions(['--platform', platform.root, ...args])
  return stripVTControlCharacters(await showRequest(options))
}

test('the way, what is in force, what is in vain and what is nginx’s default are told with their lines', async () => {
  const text = await show('--at', 'POST /api/x')
  const lines = text.split('\n').map(line => line.trim().replace(/ {2,}/g, '  '))
  expect(lines[0]).toMatch(/^POST http:\/\/a\.example\/api\/x {2}\(/)
  expect(lines).toContain('nginx.conf:4  server  has the name a.example')
  expect(lines).toContain('nginx.conf:9  proxy_pass http://web:3000  hands it on as /api/x')
  expect(lines).toContain('nginx.conf:8  add_header B "$host"  here "a.example"')
  expect(lines).toContain('nginx.conf:3  add_header A outer  of http, because of nginx.conf:8')
  expect(lines).toContain('proxy_http_version  1.0')
})

test('a host that nobody serves is answered by the default server, and that is told', async () => {
  expect(await show('--at', 'http://b.example/')).toContain(
    'no server of port 80 has the name b.example; this is its default',
  )
})

test('an image that is asked for has its own defaults', async () => {
  const text = await show('--at', '/api/x', '--edge-image', 'nginx:1.29.7-alpine')
  expect(text).toMatch(/proxy_http_version +1\.1/)
})

test('a port that nothing listens on is told, with those that are listened on', async () => {
  await expect(show('--at', 'https://a.example/')).rejects.toMatchObject({
    message: 'nothing of the platform listens on port 443',
    remedy: 'Its ports are 80.',
  })
})

test('for programs, the same as JSON', async () => {
  const { outcome, way, settings } = JSON.parse(await show('--at', '/api/x', '--json'))
  expect(outcome).toBe('proxy')
  expect(way.at(-1)).toMatchObject({ kind: 'pass', file: 'nginx.conf', line: 9 })
  expect(settings.find(({ name }: { name: string }) => name === 'add_header')).toMatchObject({
    rule: 'replaced',
    inForce: [{ line: 8, level: 'location', block: { line: 7 } }],
    lost: [{ line: 3, because: [{ line: 8 }] }],
  })
})
