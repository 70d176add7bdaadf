import { expect } from 'vitest'
import { everyKindOfAnswer } from '../../fixtures/answers.ts'
import { claim } from '../../fixtures/claim.ts'
import { header } from '../../fixtures/probes/http.ts'

claim('headers/hsts', {
  level: 'must',
  says: 'Every https answer of the primary host, errors included, has one valid Strict-Transport-Security of at least the promised age.',
  source: { spec: 'SSL/TLS; RFC 6797 §6.1' },
  governedBy: { path: ({ paths }) => paths.api, directives: ['add_header'] },

  async check(context) {
    const { contract, evidence } = context
    for (const { title, answer } of await everyKindOfAnswer(context)) {
      const values = header(answer, 'strict-transport-security')
      const seen = `${answer.status ?? answer.error?.message}; ${values.join(' | ') || 'no Strict-Transport-Security'}`
      evidence(title, seen)
      expect(values, `Strict-Transport-Security of ${title} (${answer.status})`).toHaveLength(1)
      expect(maxAge(values[0]), `max-age of ${title} (${answer.status})`).toBeGreaterThanOrEqual(
        contract.limits.hstsMaxAgeSeconds,
      )
    }
  },
})

/** `max-age` by RFC 6797 §6.1.1; NaN for a header that is not valid. */
function maxAge(value = ''): number {
  const directives = value.split(';').map(part => part.trim())
  const ages = directives.map(part => /^max-age\s*=\s*"?(\d+)"?$/i.exec(part)?.[1]).filter(Boolean)
  return ages.length === 1 ? Number(ages[0]) : Number.NaN
}
