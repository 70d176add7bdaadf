import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { traced } from '../../fixtures/faults/routing.ts'

claim('routing/no-trace', {
  level: 'should',
  says: 'TRACE and TRACK are refused, and reach no service.',
  source: { standard: 'RFC 9110 §9.3.8; OWASP WSTG-CONF-06' },
  governedBy: { path: () => '/', directives: ['limit_except', 'if'] },
  brokenBy: traced,

  async check({ client, frontend, backend, contract, nonce, evidence, judging }) {
    const paths = ['/', `${contract.paths.api}users`]
    const seen = await Promise.all(
      paths.flatMap(path =>
        ['TRACE', 'TRACK'].flatMap(method =>
          client.both.map(async probe => {
            const id = nonce()
            const answer = await probe.request({
              path,
              method,
              nonce: id,
              headers: { 'x-secret': 'mirrored' },
            })
            const reached = await Promise.all(
              [frontend, backend].map(async actor => [
                ...(await actor.requests(id)),
                // A method that the service's own parser does not know arrived all the same.
                ...(await actor.foreign()).filter(({ nonce: other }) => other === id),
              ]),
            )
            return {
              request: { path, method },
              title: `${method} ${path} over ${probe.protocol}`,
              answer,
              reached: reached.flat().map(({ role }) => role),
            }
          }),
        ),
      ),
    )
    for (const { request, title, answer, reached } of seen) {
      evidence(title, `${outcomeOf(answer)}; ${reached.join(', ') || 'no service'}`)
      judging(request)
      expect(reached, `services that ${title} reached`).toEqual([])
      expect(answer.status ?? 400, `status of ${title}`).toBeGreaterThanOrEqual(400)
    }
  },
})
