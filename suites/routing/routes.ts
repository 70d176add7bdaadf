import { expect } from 'vitest'
import { addLocation, broken, inLocation } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { anyPage, apiPath, elsewhere, passTo } from '../../fixtures/faults/ways.ts'
import { loginPath, noStream } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import type { RequestRecord } from '../../stubs/protocol.ts'

claim('routing/pages-to-frontend', {
  level: 'must',
  says: "Pages and the frontend's own files reach the frontend on its port, and nothing else.",
  source: { spec: 'Flow Description 3 (Frontend Processing); Port Configuration' },
  governedBy: { path: () => '/', directives: ['proxy_pass', 'root', 'try_files', 'return'] },
  brokenBy: [
    broken('pages to the backend', inLocation(anyPage).holds(passTo('backend'))),
    broken('another port of the frontend', inLocation(anyPage).holds(passTo('frontend', 3999))),
    broken('pages redirected', inLocation(anyPage).holds('return 302 /login;')),
    broken(
      "the frontend's files from disk",
      addLocation(({ contract }) => `^~ ${contract.paths.static}`, 'root /usr/share/nginx/html;'),
    ),
  ],

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
  source: { spec: 'Flow Description 4 (API Forwarding); Port Configuration' },
  governedBy: {
    path: ({ paths }) => `${paths.api}users`,
    directives: ['proxy_pass', 'rewrite', 'return'],
  },
  brokenBy: [
    broken('another way than the diagram’s', inLocation(apiPath).holds(passTo(elsewhere))),
    broken('login another way', inLocation(loginPath).holds(passTo(elsewhere))),
    broken('another port of the backend', inLocation(apiPath).holds(passTo(firstHop, 4999))),
    broken('the API answered by the edge', inLocation(apiPath).holds('return 404;')),
    broken('the location of the API deleted', inLocation(apiPath).remove(), {
      only: ({ apiHops }) =>
        apiHops.includes('frontend') ? 'pages and API go the same way first' : undefined,
    }),
  ],

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
  brokenBy: [
    broken(
      'the API in any case, and without its slash',
      addLocation(({ contract }) => `~* ^${contract.paths.api.slice(0, -1)}`, passTo('backend')),
    ),
    broken(
      'a neighbour of the stream another way',
      addLocation(({ contract }) => `= ${contract.paths.stream ?? '/'}x`, passTo(elsewhere), {}),
      { only: noStream },
    ),
  ],

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
      // An edge that answers the ordinary path itself does not tell where the API goes.
      if (belongsToApi.includes(path) && ordinary !== 'edge')
        expect(went, `where ${path} goes first`).toBe(ordinary)
    }
  },
})

function firstHop({ apiHops }: Contract): 'frontend' | 'backend' {
  return apiHops[1] === 'frontend' ? 'frontend' : 'backend'
}

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
