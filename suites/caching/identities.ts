import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { storing } from '../../fixtures/cache-headers.ts'
import { claim } from '../../fixtures/claim.ts'
import type { Client } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { cacheOfPosts, sharedCaches } from '../../fixtures/faults/caching.ts'
import { loginPath, noOpenApi, noOpenLogin } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import type { SessionCookie } from '../../fixtures/platform/contract.ts'
import { usualMethod } from '../../fixtures/platform/usual-method.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { header } from '../../fixtures/probes/http.ts'
import type { Steering } from '../../stubs/protocol.ts'

const governedBy = { path: loginPath, ...storing }

claim('caching/login-two-identities', {
  level: 'must',
  says: "Two identities never see each other's login answer, whatever cache headers the backend sends.",
  source: { spec: 'Flow Description 5 (secure caching); RFC 9111 §3.5' },
  arrivesBy: apiArrives,
  needs: noOpenLogin,
  governedBy,
  brokenBy: [...sharedCaches(loginPath), cacheOfPosts(loginPath)],

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
  arrivesBy: apiArrives,
  needs: noOpenApi,
  governedBy: { ...governedBy, path: ({ paths }) => `${paths.api}users/me` },
  brokenBy: sharedCaches(({ paths }) => `${paths.api}users/me`),

  async check(context) {
    const path = `${context.contract.paths.api}users/me`
    // A backend that says "public" wants its answer shared; only what it keeps private, or says nothing of, is judged.
    const rounds = Object.entries(BACKEND_HEADERS)
      .filter(([name]) => name !== 'public')
      .map(
        ([name, steering]) =>
          (client: Client) =>
            neverShared(context, client, path, usualMethod(context.contract, path), name, steering),
      )
    await atItsPace(context, path, rounds, { requestsEach: 2 })
  },
})

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
  { backend, contract, nonce, evidence }: ClaimContext,
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
      headers: {
        authorization: `Bearer ${identity}`,
        cookie: cookiesOf(identity, contract.sessionCookies),
      },
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

/** Whoever is logged in carries the platform's own cookies, by which its caches may know that. */
function cookiesOf(identity: string, own: readonly SessionCookie[]): string {
  const pairs = [{ name: 'session' }, ...own].map(
    ({ name, value = identity }: Pick<SessionCookie, 'name' | 'value'>) => `${name}=${value}`,
  )
  return pairs.join('; ')
}

const IDENTITY = /(?:ada|bob)-[0-9a-f]{8}/g

function identityFor(name: string, url: string): string {
  return `${name}-${createHash('sha256')
    .update(url + name)
    .digest('hex')
    .slice(0, 8)}`
}
