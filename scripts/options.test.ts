import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { InputError } from '../fixtures/platform/input-error.ts'
import { HELP, readOptions } from './options.ts'

const here = process.cwd()

beforeEach(() => {
  vi.stubEnv('npm_lifecycle_event', undefined)
  vi.stubEnv('INIT_CWD', undefined)
})
afterEach(() => vi.unstubAllEnvs())

test('nothing said: the reference platform, and reports here', () => {
  expect(readOptions([])).toEqual({
    platform: { root: resolve(import.meta.dirname, '../fixtures/platforms/reference') },
    report: join(here, 'report'),
    list: false,
    coverage: false,
    json: false,
    strict: false,
    quick: false,
    explain: false,
    init: false,
    accept: false,
    fix: false,
    help: false,
  })
})

test.each([
  [['--platform', 'p'], { platform: { root: join(here, 'p') } }],
  [['--platform=/p'], { platform: { root: '/p' } }],
  [['--nginx', 'n'], { platform: { root: join(here, 'n'), nginx: [join(here, 'n')] } }],
  [['--nginx', 'n', '--compose', 'c'], { platform: { root: here, nginx: [join(here, 'n')] } }],
  [['--nginx', 'package.json'], { platform: { root: here, nginx: [join(here, 'package.json')] } }],
  [
    ['--nginx', 'suites/every-claim.ts', '--nginx', 'scripts/gate.ts'],
    {
      platform: {
        root: here,
        nginx: [join(here, 'suites/every-claim.ts'), join(here, 'scripts/gate.ts')],
      },
    },
  ],
  [['--compose', 'c.yaml'], { platform: { compose: join(here, 'c.yaml') } }],
  [['--diagram', 'd.md'], { platform: { diagram: join(here, 'd.md') } }],
  [['--contract', '/t.yaml'], { platform: { contract: '/t.yaml' } }],
  [['--env-file', '.env'], { platform: { envFile: join(here, '.env') } }],
  [['--edge-image', 'nginx:1.27'], { edgeImage: 'nginx:1.27' }],
  [['--only', 'sse/*'], { only: 'sse/*' }],
  [['--report', 'r'], { report: join(here, 'r') }],
  [['--list'], { list: true }],
  [['--json', '--strict'], { json: true, strict: true }],
  [['--explain'], { explain: true }],
  [['--at', '/api'], { at: '/api' }],
  [['--init'], { init: true }],
  [['--quick', '--accept'], { quick: true, accept: true }],
  [['-h'], { help: true }],
  [['--platform', 'a', '--platform', 'b'], { platform: { root: join(here, 'b') } }],
])('%j', (args, expected) => {
  expect(readOptions(args)).toMatchObject(expected)
})

test.each([
  [['--platfrom', 'p'], "Unknown option '--platfrom'"],
  [['--platform'], "Option '--platform <value>' argument missing"],
  [['--list=yes'], "Option '--list' does not take an argument"],
  [['--only', '--json'], "Option '--only' argument is ambiguous"],
  [['nginx.conf'], "Unexpected argument 'nginx.conf'"],
])('%j is refused in one sentence, with a remedy', (args, message) => {
  const read = () => readOptions(args)
  expect(read).toThrow(InputError)
  expect(read).toThrow(
    expect.objectContaining({ message, remedy: expect.stringMatching('--help') }),
  )
})

test.each([
  ['--platfrom', '--platform'],
  ['--dia-gram', '--diagram'],
  ['--envfile', '--env-file'],
])('%s: did you mean %s?', (given, near) => {
  expect(() => readOptions([given, 'x'])).toThrow(
    expect.objectContaining({ remedy: expect.stringContaining(`Did you mean "${near}"?`) }),
  )
})

test('of what the gate can do, it does one thing at a time', () => {
  const read = () => readOptions(['--init', '--accept'])
  expect(read).toThrow(InputError)
  expect(read).toThrow('--init and --accept exclude each other')
})

test.each([
  ['under npm, a directory that is there', 'gate', '/', '/p'],
  ['under npm, one that is not', 'gate', '/none/at/all', join(here, 'p')],
  ['inherited from an outer npm', undefined, '/', join(here, 'p')],
])('where paths start: %s', (_, lifecycle, initial, root) => {
  vi.stubEnv('npm_lifecycle_event', lifecycle)
  vi.stubEnv('INIT_CWD', initial)
  expect(readOptions(['--platform', 'p']).platform.root).toBe(root)
})

test('a path that is not here is tried from the platform', () => {
  const root = resolve(import.meta.dirname, '../fixtures/platforms/reference')
  const given = ['--diagram', 'docs/network-flow.md', '--nginx', 'nginx', '--nginx', 'package.json']
  expect(readOptions(['--platform', root, ...given]).platform).toMatchObject({
    diagram: join(root, 'docs/network-flow.md'),
    nginx: [join(root, 'nginx'), join(here, 'package.json')],
  })
})

test('the help tells every option', () => {
  const options = [...HELP.matchAll(/^ {2}(--[a-z-]+)( [A-Z]+)?/gm)]
  for (const [, name = '', value] of options) {
    const args = value === undefined ? [name] : [name, 'x']
    expect(() => readOptions(args), name).not.toThrow()
  }
  expect(options).toHaveLength(20)
})
