import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryPlatform } from '../fixtures/platform/temporary-platform.ts'
import { explainPlatform } from './explain.ts'
import { readOptions } from './options.ts'

const files = {
  'nginx.conf': `events {}
http {
  server {
    listen 80;
    server_name a.example;
    location / { proxy_pass http://web:3000; }
  }
}
`,
}

test('what was found is told with its line, what was assumed as such, and how to overrule it', async () => {
  await using platform = await temporaryPlatform(files)
  const text = await explainPlatform(readOptions(['--platform', platform.root]))
  const lines = stripVTControlCharacters(text).split('\n')
  const line = (key: string) => lines.find(each => each.trim().startsWith(`${key} `))
  expect(line('hosts.primary')).toMatch(/ a\.example +nginx\.conf:5 {2}/)
  expect(line('roles.frontend.port')).toMatch(/ 3000 +nginx\.conf:6 {2}/)
  expect(line('paths.static')).toMatch(/ \/_next\/static\/ +assumed {2}/)
  expect(line('limits.streamIdle')).toMatch(/ 24h +specification {2}/)
  expect(text).toContain('taken on trust: ')
  expect(text).toContain('write its key into topology.yaml')
})

test('for programs, the same as JSON', async () => {
  await using platform = await temporaryPlatform(files)
  const text = await explainPlatform(readOptions(['--platform', platform.root, '--json']))
  const { topics, assumptions } = JSON.parse(text)
  expect(topics.map(({ topic }: { topic: string }) => topic)).toContain('hosts')
  expect(assumptions.length).toBeGreaterThan(0)
})

test('a claim that the contract file misnames is told here as well', async () => {
  await using platform = await temporaryPlatform({
    ...files,
    'topology.yaml': 'promises: [headers/nosnif-frame-referrer]\n',
  })
  await expect(explainPlatform(readOptions(['--platform', platform.root]))).rejects.toMatchObject({
    name: 'InputError',
    at: { file: 'topology.yaml', line: 1, column: 12 },
    remedy: 'Did you mean "headers/nosniff-frame-referrer"?',
  })
})
