import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readMutateOptions } from './mutate-options.ts'

const here = process.cwd()

beforeEach(() => {
  vi.stubEnv('npm_lifecycle_event', undefined)
  vi.stubEnv('INIT_CWD', undefined)
})
afterEach(() => vi.unstubAllEnvs())

test.each([
  [[], { selection: {}, jobs: 5, shard: undefined, merge: undefined }],
  [['--platform', 'p'], { platform: { root: join(here, 'p') } }],
  [['--operators', 'delete,move up'], { selection: { operators: ['delete', 'move up'] } }],
  [['--only', '*ssl*', '--sample=9'], { selection: { only: '*ssl*', sample: 9 } }],
  [['--jobs', '2', '--quick'], { jobs: 2, quick: true }],
  [['--shard', '1/2'], { shard: { index: 1, count: 2 } }],
  [['--merge', 'a', '/b', '--json'], { merge: [join(here, 'a'), '/b'], json: true }],
])('%j', (args, expected) => {
  expect(readMutateOptions(args)).toMatchObject(expected)
})

test.each([
  [['--sample', '0'], '--sample takes a whole number from 1, not "0"'],
  [['--jobs', 'many'], '--jobs takes a whole number from 1, not "many"'],
  [['--operators', 'invert'], 'there is no operator "invert"'],
  [['--shard', '3/2'], '"3/2" is no share'],
  [['--merge', 'a'], '--merge takes the directories of at least two reports'],
  [['a'], '"a" is no option'],
  [['--opperators', 'delete'], "Unknown option '--opperators'"],
])('%j is refused', (args, message) => {
  expect(() => readMutateOptions(args)).toThrow(message)
})
