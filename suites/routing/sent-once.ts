import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { sentTwice } from '../../fixtures/faults/routing.ts'
import { loginPath, noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import type { Steering } from '../../stubs/protocol.ts'

/** Ways to die half-way: before a byte of the answer, after its headers, and within its body. */
const DEATHS: [title: string, steering: Steering][] = [
  ['without an answer', { dieUnanswered: true }],
  ['after the headers', { status: 200, bodyBytes: 1_000, dieAfterBytes: 0 }],
  ['within the body', { status: 200, bodyBytes: 100_000, dieAfterBytes: 50_000 }],
  ['by an answer that says so', { status: 502, body: 'gone' }],
]

claim('routing/not-sent-twice', {
  level: 'must',
  says: 'A POST whose backend dies half-way is not sent again.',
  source: { standard: 'RFC 9110 §9.2.2' },
  arrivesBy: apiArrives,
  needs: noOpenApi,
  governedBy: {
    path: loginPath,
    directives: ['proxy_next_upstream', 'error_page'],
    sound: { proxy_next_upstream: /^(?!.*non_idempotent)/ },
  },
  brokenBy: sentTwice,

  async check(context) {
    const { frontend, backend, contract, nonce, evidence, judging } = context
    const { login, api } = contract.paths
    // Whoever the edge speaks to may die, and the backend behind it.
    const mortals = contract.apiHops[1] === 'frontend' ? { frontend, backend } : { backend }
    const cases = [login, `${api}orders`].flatMap(path =>
      Object.entries(mortals).flatMap(([role, actor]) =>
        DEATHS.map(([title, steering]) => ({ path, role, actor, title, steering })),
      ),
    )
    for (const path of [login, `${api}orders`]) {
      const asks = cases
        .filter(each => each.path === path)
        .map(({ role, actor, title, steering }) => async (client: (typeof context)['client']) => {
          // A connection that is kept open is the one that a proxy is quickest to try again for.
          await client.http1.request({ path, method: 'POST', body: '{}' })
          const id = nonce()
          await actor.steer(id, steering)
          const answer = await client.http1.request({
            path,
            method: 'POST',
            body: '{"pay":1}',
            nonce: id,
          })
          const arrived = [...(await frontend.requests(id)), ...(await backend.requests(id))]
          return { title: `POST ${path}, the ${role} dies ${title}`, answer, arrived }
        })
      for (const { title, answer, arrived } of await atItsPace(context, path, asks, {
        requestsEach: 2,
        failing: true,
      })) {
        const counts = Object.fromEntries(
          ['frontend', 'backend'].map(role => [
            role,
            arrived.filter(each => each.role === role).length,
          ]),
        )
        evidence(title, { answer: outcomeOf(answer), arrived: counts })
        if (arrived.length === 0 && isEdgeRefusal(answer)) continue
        judging({ path, method: 'POST' })
        for (const [role, count] of Object.entries(counts))
          expect(count, `times that it reached the ${role}: ${title}`).toBeLessThanOrEqual(1)
      }
    }
  },
})
