import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import type { RequestRecord } from '../../stubs/protocol.ts'

claim('routing/pages-to-frontend', {
  level: 'must',
  says: "Pages and the frontend's own files reach the frontend on its port, and nothing else.",
  source: { spec: 'Flow Description 3 (Frontend Processing)' },
  governedBy: { path: () => '/', directives: ['proxy_pass', 'root', 'try_files', 'return'] },

  async check(context) {
    const { contract, evidence } = context
    const { paths, frontend } = contract
    for (const path of [
      '/',
      '/coaching/sessions/42?tab=notes',
      `${paths.static}chunks/main-0a1b.js`,
    ]) {
      for (const { passed, protocol, status } of await follow(context, path)) {
        evidence(`${path} over ${protocol}`, `${status}; ${describe(passed)}`)
        expect(stops(passed), `where ${path} goes over ${protocol}`).toEqual([
          `frontend:${frontend.port}`,
        ])
      }
    }
  },
})

claim('routing/api-to-backend', {
  level: 'must',
  says: "API requests reach the backend on its port by exactly the diagram's hops.",
  source: { spec: 'Flow Description 4 (API Forwarding)' },
  governedBy: {
    path: ({ paths }) => `${paths.api}users`,
    directives: ['proxy_pass', 'rewrite', 'return'],
  },

  async check(context) {
    const { contract, evidence } = context
    const { paths, apiHops } = contract
    const expected = apiHops
      .filter(role => role === 'frontend' || role === 'backend')
      .map(role => `${role}:${contract[role].port}`)
    evidence('hops by the diagram', apiHops.join(' → '))
    for (const [path, method] of [
      [`${paths.api}users/${context.nonce()}`, 'GET'],
      [`${paths.api}coaching/${context.nonce()}?x=1`, 'GET'],
      [paths.login, 'POST'],
    ] as const) {
      for (const { passed, protocol, status } of await follow(context, path, method)) {
        evidence(`${path} over ${protocol}`, `${status}; ${describe(passed)}`)
        expect(stops(passed), `the way of ${path} over ${protocol}`).toEqual(expected)
      }
    }
  },
})

claim('routing/near-misses', {
  level: 'should',
  says: 'Paths that almost name the API, or name it in another spelling, go where they belong.',
  source: { standard: 'RFC 3986 §6.2.2 (normalization)' },
  governedBy: {
    path: ({ paths }) => `${paths.api.replace(/\/$/, '')}ary`,
    directives: ['proxy_pass', 'rewrite', 'return'],
  },

  async check(context) {
    const { contract, evidence } = context
    const { api } = contract.paths
    const bare = api.replace(/\/$/, '')
    const encoded = api.replace(/[a-z]/i, letter => `%${letter.charCodeAt(0).toString(16)}`)
    const ordinary = first(await follow(context, `${api}users`))
    evidence(`${api}users`, ordinary)
    const belongsToPages = [`${bare}ary`, `${bare.toUpperCase()}/users`, `${api}../`]
    const belongsToApi = [
      ...(contract.paths.stream === undefined ? [] : [`${contract.paths.stream}x`]),
      `${encoded}users`,
    ]
    const either = [bare, `/${api}users`]
    for (const path of [...belongsToPages, ...belongsToApi, ...either]) {
      const [answer] = await follow(context, path)
      const went = first(answer === undefined ? [] : [answer])
      evidence(path, `${answer?.status}; ${went}`)
      // The edge may answer by itself: a redirect to the proper spelling, or a refusal.
      if (went === 'edge') continue
      if (belongsToPages.includes(path)) expect(went, `where ${path} goes first`).toBe('frontend')
      if (belongsToApi.includes(path)) expect(went, `where ${path} goes first`).toBe(ordinary)
    }
  },
})

interface Followed {
  protocol: string
  status: string
  /** In the order of passing. */
  passed: RequestRecord[]
}

/** Sends a request over each protocol and tells whom it passed. */
function follow(
  { client, frontend, backend, nonce }: ClaimContext,
  path: string,
  method = 'GET',
): Promise<Followed[]> {
  return Promise.all(
    client.both.map(async probe => {
      const id = nonce()
      // A path of its own for each protocol, so that no cache answers the second from the first.
      const answer = await probe.request({ path: apart(path, id), method, nonce: id })
      // The answer is here, so whoever took part has recorded it.
      const passed = [...(await frontend.requests(id)), ...(await backend.requests(id))]
      return {
        protocol: probe.protocol,
        status: String(answer.status ?? answer.error?.message),
        passed,
      }
    }),
  )
}

function stops(passed: RequestRecord[]): string[] {
  return passed.map(({ role, localPort }) => `${role}:${localPort}`)
}

function describe(passed: RequestRecord[]): string {
  return (
    passed
      .map(({ role, localPort, method, target }) => `${role}:${localPort} ${method} ${target}`)
      .join(' → ') || 'no service'
  )
}

/** Whom the edge itself sent a request to. */
function first([followed]: Followed[]): string {
  return followed?.passed[0]?.role ?? 'edge'
}

/** The same path with a query that no other request has. */
function apart(path: string, id: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}probe=${id}`
}
