import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import {
  allowingToStore,
  cacheDirectives,
  whatAllowsStoring,
} from '../../fixtures/cache-headers.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { weakenedNoStore } from '../../fixtures/faults/caching.ts'
import { loginPath, noOpenLogin } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'

const governedBy = { path: loginPath, ...allowingToStore }

claim('caching/login-no-store', {
  level: 'must',
  says: 'The login answer carries exactly one Cache-Control, with no-store, and nothing that weakens it, whatever its status or method.',
  source: { spec: 'Flow Description 5 (secure caching); RFC 9111 §5.2.2.5' },
  // Where no service answers, the edge's own 502 is no login's answer.
  restsOn: ['routing/services-answer'],
  arrivesBy: apiArrives,
  needs: noOpenLogin,
  governedBy,
  brokenBy: weakenedNoStore(loginPath),

  async check(context) {
    const { backend, contract, nonce, evidence } = context
    const { login } = contract.paths
    const cases = [
      ...['POST', 'GET'].flatMap(method =>
        [200, 401, 429, 500].map(status => ({ status, method })),
      ),
      { status: 204, method: 'OPTIONS' },
    ].flatMap(each => context.client.protocols.map(protocol => ({ ...each, protocol })))
    const answers = await atItsPace(
      context,
      login,
      cases.map(({ status, method, protocol }) => async client => {
        const id = nonce()
        await backend.steer(id, { status, headers: [['cache-control', 'no-store']] })
        const body = method === 'POST' ? '{"email":"a@b.example","password":"x"}' : undefined
        const headers = { 'content-type': 'application/json' }
        const answer = await client[protocol].request({
          ...{ path: login, method, body, headers, nonce: id },
        })
        return { answer, arrived: (await backend.requests(id)).length > 0 }
      }),
    )
    // What the edge answers by itself (a preflight, another method than POST, too many attempts) is no login's answer.
    const judged = answers.filter(
      ({ answer, arrived }) =>
        arrived || !(isEdgeRefusal(answer) || ['OPTIONS', 'GET'].includes(answer.method)),
    )
    evidence(
      'answers looked at',
      judged.map(({ answer }) => `${answer.method} ${outcomeOf(answer)} ${answer.protocol}`).join(),
    )
    if (judged.length === 0) throw new Error('the edge let no login through to the backend')
    for (const { answer } of judged) expectNoStore(answer, context)
  },
})

function expectNoStore(
  answer: HttpRecord,
  { contract, facts, evidence, judging }: ClaimContext,
): void {
  const title = `${answer.method} ${outcomeOf(answer)} over ${answer.protocol}`
  const { login: path } = contract.paths
  const control = header(answer, 'cache-control')
  judging({ path, method: answer.method })
  const weakened = whatAllowsStoring(answer.headers)
  if (control.length !== 1 || weakened.length > 0) evidence(title, answer.headers)
  // Caches read several lines as one list: who never drew the picture may repeat what the backend says.
  const isRepeated =
    facts.diagram === undefined && control.every(value => /\bno-store\b/i.test(value))
  if (!isRepeated) expect(control, `Cache-Control of ${title}`).toHaveLength(1)
  expect(cacheDirectives(answer.headers), `Cache-Control of ${title}`).toContain('no-store')
  const names = weakened.map(each => each.replace(/:.*$/s, ''))
  judging({ path, method: answer.method, about: aboutAny(names) })
  expect(weakened, `what weakens no-store in ${title}`).toEqual([])
}
