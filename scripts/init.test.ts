import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryPlatform } from '../fixtures/platform/temporary-platform.ts'
import { initContract } from './init.ts'
import { readOptions } from './options.ts'

const site = {
  'nginx.conf': 'events {} http { server { listen 80; server_name a.example; return 204; } }',
}

function init(root: string, ...args: string[]): Promise<string> {
  return initContract(readOptions(['--platform', root, ...args]))
}

test('the contract file is written, and nothing else', async () => {
  await using platform = await temporaryPlatform(site)
  expect(await init(platform.root)).toBe(
    'topology.yaml is written: confirm its 2 values, and see `npm run gate -- --explain`.\n',
  )
  expect(await readdir(platform.root)).toEqual(['nginx.conf', 'topology.yaml'])
  const text = await readFile(join(platform.root, 'topology.yaml'), 'utf8')
  expect(text).toMatch(/^# yaml-language-server: \$schema=.*topology\.schema\.json\n/)
  expect(text).toMatch(/^ {2}primary: a\.example {2}# nginx\.conf:1, /m)
})

test('the file that is named is the one that is written', async () => {
  await using platform = await temporaryPlatform(site)
  await init(platform.root, '--contract', join(platform.root, 'promises.yaml'))
  expect(await readdir(platform.root)).toEqual(['nginx.conf', 'promises.yaml'])
})

test.each(['topology.yaml', 'topology.yml'])('%s is never written over', async file => {
  await using platform = await temporaryPlatform({ ...site, [file]: '# ours\n' })
  await expect(init(platform.root)).rejects.toMatchObject({
    name: 'InputError',
    message: 'it is already there',
    at: { file },
  })
  expect(await readFile(join(platform.root, file), 'utf8')).toBe('# ours\n')
  expect(await readdir(platform.root)).toHaveLength(2)
})

test('where nothing can be written, that is told', async () => {
  await using platform = await temporaryPlatform(site)
  await expect(
    init(platform.root, '--contract', join(platform.root, 'none/promises.yaml')),
  ).rejects.toMatchObject({ name: 'InputError', message: 'it cannot be written (ENOENT)' })
})
