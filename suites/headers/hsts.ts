import { expect } from 'vitest'
import { everyKindOfAnswer } from '../../fixtures/answers.ts'
import { broken, everywhere, inLocation } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import { anyPage, apiPath } from '../../fixtures/faults/ways.ts'
import { streamPath } from '../../fixtures/needs.ts'
import { header } from '../../fixtures/probes/http.ts'

const hsts = everywhere('add_header Strict-Transport-Security')

claim('headers/hsts', {
  level: 'must',
  says: 'Every https answer of the primary host, errors included, has one valid Strict-Transport-Security of at least the promised age.',
  source: { spec: 'SSL/TLS; RFC 6797 §6.1' },
  governedBy: { path: ({ paths }) => paths.api, directives: ['add_header'] },
  brokenBy: [
    broken('not set', hsts.remove()),
    broken('for a day only', hsts.set('"max-age=86400" always')),
    broken('switched off', hsts.set('"max-age=0" always')),
    broken('not valid', hsts.set('"31536000" always')),
    broken(
      'twice',
      hsts.rewrite(text => `${text}; ${text}`),
    ),
    broken(
      'without always',
      hsts.rewrite(text => text.replace(/\s+always$/, '')),
    ),
    broken(
      'lost by another header of the API’s location',
      inLocation(apiPath).add('add_header X-Route api always;'),
    ),
    broken(
      'lost by another header of the pages’ location',
      inLocation(anyPage).add('add_header X-Route page always;'),
    ),
    broken(
      'lost by another header of the stream’s location',
      inLocation(streamPath).add('add_header X-Accel-Buffering no;'),
    ),
    broken(
      'lost by a header in an if',
      inLocation(apiPath).add('if ($request_method = GET) { add_header X-Route api always; }'),
    ),
  ],

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
