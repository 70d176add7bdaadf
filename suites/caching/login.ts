import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { cacheOfPosts, sharedCaches, weakenedNoStore } from '../../fixtures/faults/caching.ts'
import { loginPath } from '../../fixtures/needs.ts'
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
  governedBy,
  brokenBy: weakenedNoStore(loginPath),

  async check({ client, backend, contract, nonce, evidence }) {
    const cases = [
      ...[200, 401, 429, 500].map(status => ({ status, method: 'POST' })),
      { status: 200, method: 'GET' },
      { status: 204, method: 'OPTIONS' },
    ]
    const probes = cases.flatMap(each => client.both.map(probe => ({ ...each, probe })))
    const answers = await Promise.all(
      probes.map(async ({ status, method, probe }) => {
        const id = nonce()
        await backend.steer(id, { status, headers: [['cache-control', 'no-store']] })
        const body = method === 'POST' ? '{"email":"a@b.example","password":"x"}' : undefined
        return probe.request({
          path: contract.paths.login,
          method,
          body,
          headers: { 'content-type': 'application/json' },
          nonce: id,
        })
      }),
    )
    for (const answer of answers) {
      const title = `${answer.method} ${answer.status ?? answer.error?.message} over ${answer.protocol}`
      const control = header(answer, 'cache-control')
      const weakened = weaknesses(answer)
      if (control.length !== 1 || weakened.length > 0) evidence(title, answer.headers)
      expect(control, `Cache-Control of ${title}`).toHaveLength(1)
      expect(directives(control[0]), `Cache-Control of ${title}`).toContain('no-store')
      expect(weakened, `what weakens no-store in ${title}`).toEqual([])
    }
    evidence(
      'answers looked at',
      answers.map(({ method, status, protocol }) => `${method} ${status} ${protocol}`).join(', '),
    )
  },
})

claim('caching/login-two-identities', {
  level: 'must',
  says: "Two identities never see each other's login answer, whatever cache headers the backend sends.",
  source: { spec: 'Flow Description 5 (secure caching); RFC 9111 §3.5' },
  governedBy,
  brokenBy: [...sharedCaches(loginPath), cacheOfPosts(loginPath)],

  async check(context) {
    for (const [name, steering] of Object.entries(BACKEND_HEADERS)) {
      for (const method of ['GET', 'POST', 'HEAD']) {
        await neverShared(context, context.contract.paths.login, method, name, steering)
      }
    }
  },
})

claim('caching/api-not-stored', {
  level: 'must',
  says: 'Other authenticated API answers are not shown to another identity either.',
  source: { standard: 'RFC 9111 §3.5' },
  governedBy: { ...governedBy, path: ({ paths }) => `${paths.api}users/me` },
  brokenBy: sharedCaches(({ paths }) => `${paths.api}users/me`),

  async check(context) {
    const path = `${context.contract.paths.api}users/me`
    for (const [name, steering] of Object.entries(BACKEND_HEADERS)) {
      // A backend that says "public" wants its answer shared; only what it keeps private, or says nothing of, is judged.
      if (name === 'public') continue
      await neverShared(context, path, 'GET', name, steering)
    }
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
  { client, backend, nonce, evidence }: ClaimContext,
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

function directives(value: string | undefined): string[] {
  return (value ?? '').split(',').map(part => part.trim().toLowerCase())
}

/** Headers that allow what no-store forbids, or show that a store answered. */
function weaknesses(answer: HttpRecord): string[] {
  const found: string[] = []
  for (const value of header(answer, 'expires')) {
    const at = Date.parse(value)
    // `Expires: 0` and dates in the past say "already stale": they weaken nothing.
    if (!Number.isNaN(at) && at > Date.now()) found.push(`Expires: ${value}`)
  }
  for (const value of header(answer, 'age')) found.push(`Age: ${value}`)
  for (const part of header(answer, 'cache-control').flatMap(directives)) {
    const age = /^(?:s-)?max(?:-)?age=(\d+)$|^s-maxage=(\d+)$/.exec(part)
    if (part === 'public' || Number(age?.[1] ?? age?.[2] ?? 0) > 0)
      found.push(`Cache-Control: ${part}`)
  }
  return found
}
