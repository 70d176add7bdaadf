import { expect, test } from 'vitest'
import { InputError } from '../fixtures/platform/input-error.ts'
import { claimPattern } from './claim-pattern.ts'

const IDS = ['sse/idle-24h', 'sse/headers-before-events', 'tls/speaks-1.2-and-1.3', 'headers/hsts']

test.each([
  ['**', IDS],
  ['sse/*', ['sse/idle-24h', 'sse/headers-before-events']],
  ['*', []],
  ['*/h*', ['sse/headers-before-events', 'headers/hsts']],
  ['sse/idle-24h', ['sse/idle-24h']],
  ['sse/idle', []],
  ['se/*', []],
  ['sse/idle-??h', ['sse/idle-24h']],
  ['tls/speaks-1.2-and-1.3', ['tls/speaks-1.2-and-1.3']],
  ['tls/speaks-1?2-and-1?3', ['tls/speaks-1.2-and-1.3']],
  ['tls/speaks-1[.]2*', []],
  ['{tls,headers}/*', ['tls/speaks-1.2-and-1.3', 'headers/hsts']],
  ['sse/{idle-*,ends-*}', ['sse/idle-24h']],
  ['headers/hsts,tls/*', ['tls/speaks-1.2-and-1.3', 'headers/hsts']],
  // Only ids are matched, not the sentences behind them.
  ['**/x', []],
  ['sse/*x', []],
])('%s', (glob, expected) => {
  const pattern = claimPattern(glob)
  expect(IDS.filter(id => pattern?.test(`${id}: a/x: sse/x: b`))).toEqual(expected)
})

test('without a glob there is no pattern', () => {
  expect(claimPattern(undefined)).toBeUndefined()
})

test.each(['{tls', 'tls}', '{{a}'])('%s is refused', glob => {
  expect(() => claimPattern(glob)).toThrow(InputError)
  expect(() => claimPattern(glob)).toThrow(`--only ${glob}: a brace lacks its other half`)
})
