import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { cacheDirectives, whatAllowsStoring } from '../../fixtures/cache-headers.ts'
import { claim } from '../../fixtures/claim.ts'
import type { Client } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { loginPath, noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'
import type { Steering } from '../../stubs/protocol.ts'

const governedBy = {
  path: loginPath,
  directives: [
    'proxy_cache',
    'expires',
    'add_header',
    'proxy_hide_header',
    'proxy_ignore_headers',
    'proxy_cache_methods',
  ],
}

claim('caching/login-no-store', {
  level: 'must',
  says: 'The login answer carries exactly one Cache-Control, with no-store, and nothing that weakens it, whatever its status or method.',
  source: { spec: 'Flow Description 5 (secure caching); RFC 9111 §5.2.2.5' },
  needs: noOpenApi,
  governedBy,

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
    for (const { answer } of judged) expectNoStore(answer, evidence)
  },
})

claim('caching/login-two-identities', {
  level: 'must',
  says: "Two identities never see each other's login answer, whatever cache headers the backend sends.",
  source: { spec: 'Flow Description 5 (secure caching); RFC 9111 §3.5' },
  needs: noOpenApi,
  governedBy,

  async check(context) {
    const { login } = context.contract.paths
    const rounds = Object.entries(BACKEND_HEADERS).flatMap(([name, steering]) =>
      ['GET', 'POST', 'HEAD'].map(
        method => (client: Client) => neverShared(context, client, login, method, name, steering),
      ),
    )
    await atItsPace(context, login, rounds, { requestsEach: 2 })
  },
})

claim('caching/api-not-stored', {
  level: 'must',
  says: 'Other authenticated API answers are not shown to another identity either.',
  source: { standard: 'RFC 9111 §3.5' },
  needs: noOpenApi,
  governedBy: { ...governedBy, path: ({ paths }) => `${paths.api}users/me` },

  async check(context) {
    const path = `${context.contract.paths.api}users/me`
    // A backend that says "public" wants its answer shared; only what it keeps private, or says nothing of, is judged.
    const rounds = Object.entries(BACKEND_HEADERS)
      .filter(([name]) => name !== 'public')
      .map(
        ([name, steering]) =>
          (client: Client) =>
            neverShared(context, client, path, 'GET', name, steering),
      )
    await atItsPace(context, path, rounds, { requestsEach: 2 })
  },
})

function expectNoStore(answer: HttpRecord, evidence: ClaimContext['evidence']): void {
  const title = `${answer.method} ${outcomeOf(answer)} over ${answer.protocol}`
  const control = header(answer, 'cache-control')
  const weakened = whatAllowsStoring(answer.headers)
  if (control.length !== 1 || weakened.length > 0) evidence(title, answer.headers)
  expect(control, `Cache-Control of ${title}`).toHaveLength(1)
  expect(cacheDirectives(answer.headers), `Cache-Control of ${title}`).toContain('no-store')
  expect(weakened, `what weakens no-store in ${title}`).toEqual([])
}

/** What a backend may say of its own answer. A cache must keep two identities apart under each. */
const BACKEND_HEADERS: Record<string, Steering> = {
  'no cache header': { without: ['cache-control', 'expires', 'set-cookie'] },
  'no-store': { headers: [['cache-control', 'no-store']] },
  'private, with a cookie': {
    headers: [
      ['cache-control', 'private, max-age=60'],
      ['set-cookie', 'session=1; Secure; HttpOnly; SameSite=Lax'],
    ],
  },
  public: { headers: [['cache-control', 'public, max-age=60']], without: ['set-cookie'] },
}

/** Asks as one identity, then as another, with the same URL and different credentials. */
async function neverShared(
  { backend, nonce, evidence }: ClaimContext,
  client: Client,
  path: string,
  method: string,
  name: string,
  steering: Steering,
): Promise<void> {
  // A URL of this round's own: what an earlier round left in a cache must not decide this one.
  const url = `${path}?round=${nonce()}`
  const ask = async (identity: string) => {
    const id = nonce()
    await backend.steer(id, {
      status: 200,
      body: method === 'HEAD' ? undefined : `for ${identity}`,
      ...steering,
      headers: [...(steering.headers ?? []), ['x-for', identity]],
    })
    const answer = await client.http1.request({
      path: url,
      method,
      nonce: id,
      headers: { authorization: `Bearer ${identity}`, cookie: `session=${identity}` },
      body: method === 'POST' ? identity : undefined,
    })
    return { answer, arrived: (await backend.requests(id)).length }
  }
  await ask(identityFor('ada', url))
  const bob = identityFor('bob', url)
  const { answer, arrived } = await ask(bob)
  const seen = `${answer.body} ${header(answer, 'x-for').join()}`
  // Any identity but the one that asked: a cache whose key leaves the query out gives an earlier round's.
  const others = (seen.match(IDENTITY) ?? []).filter(identity => identity !== bob)
  const title = `${method} with ${name} from the backend`
  if (others.length > 0)
    evidence(title, { seenByBob: seen, headers: answer.headers, reachedTheBackend: arrived })
  expect(others, `${title}: what the second identity sees of others`).toEqual([])
}

const IDENTITY = /(?:ada|bob)-[0-9a-f]{8}/g

function identityFor(name: string, url: string): string {
  return `${name}-${createHash('sha256')
    .update(url + name)
    .digest('hex')
    .slice(0, 8)}`
}
