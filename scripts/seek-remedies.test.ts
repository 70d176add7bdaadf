import { expect, test } from 'vitest'
import { breaksGate, type ClaimRecord, claimSchema } from '../fixtures/verdict/schema.ts'
import { seenBothWays } from './seek-remedies.ts'

test('a red that passes when it is judged once more is unproven, with both observations', () => {
  const red: ClaimRecord = {
    id: 'routing/response-intact',
    level: 'must',
    says: 'It arrives whole.',
    source: 's',
    verdict: 'fail',
    message: 'expected nothing, actual a stream that closed early',
    evidence: [{ label: 'asked', value: 'GET /' }],
    blame: [{ file: 'nginx.conf', line: 3, directive: 'gzip', text: 'gzip on' }],
    request: { path: '/' },
    durationMs: 4,
  }
  const seen = claimSchema.parse(seenBothWays(red))
  expect(seen).toMatchObject({ verdict: 'unproven', blame: [] })
  expect(seen.reason).toMatch(/failed, and passed .* a stream that closed early/)
  expect(seen.evidence.map(({ value }) => value)).toEqual([
    'GET /',
    'fail: expected nothing, actual a stream that closed early',
    'pass',
  ])
  expect(seen.message).toBeUndefined()
  // It is not proved, and so no reason to let a change pass.
  expect(breaksGate(seen, false)).toBe(true)
})
