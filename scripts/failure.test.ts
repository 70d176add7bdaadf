import { stripVTControlCharacters } from 'node:util'
import { expect, test, vi } from 'vitest'
import { InputError } from '../fixtures/platform/input-error.ts'
import { EnvironmentError } from '../fixtures/topology/environment-error.ts'
import { reportFailure } from './failure.ts'

/** The exit status, and what a person reads. */
function reported(error: unknown): { status: number; said: string } {
  using write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const status = reportFailure(error)
  return { status, said: stripVTControlCharacters(write.mock.calls.flat().join('')) }
}

const at = { file: 'nginx/nginx.conf', line: 3, column: 5 }

test.each([
  ['input', new InputError('odd'), 2, '✗ odd\n'],
  [
    'input with its place',
    new InputError('odd', { at, remedy: 'Mend it.' }),
    2,
    '✗ nginx/nginx.conf:3:5: odd\n  → Mend it.\n',
  ],
  ['the machine', new EnvironmentError('No engine.'), 3, '✗ No engine.\n'],
  [
    'the machine, with a cause that stays inside',
    new EnvironmentError('No engine.', { remedy: 'Start one.', cause: new Error('ENOENT') }),
    3,
    '✗ No engine.\n  → Start one.\n',
  ],
])('%s: a message and no stack', (_, error, status, said) => {
  expect(reported(error)).toEqual({ status, said })
})

test.each([
  ['an error', new TypeError('x is not a function'), 'TypeError: x is not a function\n    at '],
  ['a text', 'odd', 'odd\n'],
  ['nothing', undefined, 'undefined\n'],
])('%s of any other kind is a defect of the suite', (_, error, expected) => {
  const { status, said } = reported(error)
  expect(status).toBe(3)
  expect(said).toContain(`This is a defect of the suite, not of the platform:\n${expected}`)
})
