import { expect } from 'vitest'
import { addLocation, all, broken, inContract, inLocation } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { arrowsPassedBy, arrowText } from '../../fixtures/drawing.ts'
import { isGone, outcomeOf } from '../../fixtures/edge-answers.ts'
import { filesStolen } from '../../fixtures/faults/routing.ts'
import { frontendMistold } from '../../fixtures/faults/settings.ts'
import { anyPage, apiPath, elsewhere, firstHop, passTo } from '../../fixtures/faults/ways.ts'
import { loginPath, noFrontend, noOpenApi, noStream } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { usualMethod } from '../../fixtures/platform/usual-method.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import type { HttpRecord } from '../../fixtures/probes/http.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import { passingOn, wayBehind } from '../../fixtures/ways-inwards.ts'
import type { RequestRecord } from '../../stubs/protocol.ts'

claim('routing/pages-to-frontend', {
  level: 'must',
  says: "Pages and the frontend's own files reach the frontend on its port, and nothing else.",
  source: { spec: 'Flow Description 3 (Frontend Processing); Port Configuration' },
  arrivesBy: ['routing/services-answer', 'tls/terminates-at-edge'],
  needs: noFrontend,
  governedBy: { path: () => '/', directives: passingOn },
  brokenBy: [
    broken('pages to the backend', inLocation(anyPage).holds(passTo('backend'))),
    broken('another port of the frontend', inLocation(anyPage).holds(passTo('frontend', 3999))),
    broken('pages redirected', inLocation(anyPage).holds('return 302 /login;')),
    broken(
      "the frontend's files from disk",
      addLocation(({ contract }) => `^~ ${contract.paths.static}`, 'root /usr/share/nginx/html;'),
    ),
    broken(
      'a promised page sent elsewhere',
      inLocation(({ paths }) => paths.pages[0]).holds('return 301 /elsewhere;'),
      {
        only: ({ paths }) =>
          paths.pages.length > 0 ? undefined : 'the contract names no further pages (paths.pages)',
      },
    ),
  ],

  async check(context) {
    const { contract, evidence, judging } = context
    const { paths, frontend } = contract
    for (const path of [
      '/',
      '/coaching/sessions/42?tab=notes',
      `${paths.static}chunks/main-0a1b.js`,
      ...paths.pages,
    ]) {
      for (const { passed, protocol, answer } of await follow(context, path)) {
        evidence(`${path} over ${protocol}`, `${outcomeOf(answer)}; ${describe(passed)}`)
        judging({ path, lost: isUnanswered(answer, passed) })
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
  arrivesBy: ['routing/services-answer', 'tls/terminates-at-edge'],
  needs: noOpenApi,
  governedBy: {
    path: ({ paths }) => `${paths.api}users`,
    directives: passingOn,
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
    ...frontendMistold,
  ],

  async check(context) {
    const { contract, facts, blame, evidence, judging } = context
    const { paths, drawnHops } = contract
    const expected = drawnHops
      .filter(role => role === 'frontend' || role === 'backend')
      .map(role => `${role}:${contract[role].port}`)
    evidence('hops by the diagram', drawnHops.join(' → '))
    // Where nginx takes another way, either the picture or the files are wrong.
    for (const { arrow } of arrowsPassedBy(contract, facts.diagram))
      blame(arrow.at, 'arrow', arrowText(arrow))
    const usual = usualMethod(contract, paths.api)
    for (const [method, path] of [
      [usual, `${paths.api}users/${context.nonce()}`],
      [usual, `${paths.api}coaching/${context.nonce()}?x=1`],
      ['POST', paths.login],
    ] as const) {
      for (const { passed, protocol, answer } of await follow(context, path, method)) {
        const title = `${method} ${path} over ${protocol}`
        evidence(title, `${outcomeOf(answer)}; ${describe(passed)}`)
        const way = stops(passed)
        // Who came to another service first was sent there by nginx, whatever that one is told.
        const isOnTheWay = way.every((stop, index) => stop === expected[index])
        judging({
          ...{ path, method, lost: isUnanswered(answer, passed) },
          ...(isOnTheWay && wayBehind(passed.length, expected.length, context)),
        })
        expect(way, `the way of ${title}`).toEqual(expected)
      }
    }
  },
})

/** Into a directory and out of it again. */
const DETOUR = '/coaching/..'

claim('routing/near-misses', {
  level: 'should',
  says: 'Paths that almost name the API, or name it in another spelling, go where they belong.',
  source: { standard: 'RFC 3986 §6.2.2 (normalization)' },
  arrivesBy: requestsArrive,
  needs: noOpenApi,
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
    broken(
      'a detour into the API left as the client wrote it',
      all(inLocation(apiPath).holds(passTo('backend')), inContract(['paths', 'apiAtBackend'], '/')),
      {
        only: ({ paths, apiHops }) =>
          paths.apiAtBackend === paths.api || apiHops.includes('frontend')
            ? 'the prefix is kept'
            : undefined,
      },
    ),
    ...filesStolen,
  ],

  async check(context) {
    const { contract, blame, evidence, judging } = context
    const { api, apiAtBackend, login, stream } = contract.paths
    const bare = api.replace(/\/$/, '')
    const encoded = api.replace(/[a-z]/i, letter => `%${letter.charCodeAt(0).toString(16)}`)
    const homes = {
      pages: await firstStops(context, '/coaching/sessions/42'),
      api: await firstStops(context, `${api}users`),
    }
    evidence('pages, and the API', `${homes.pages.join(', ')}; ${homes.api.join(', ')}`)
    const belongs: [path: string, home: string[]][] = [
      ...[`${bare}ary`, `${bare.toUpperCase()}/users`, `${api}../`].map(
        (path): [string, string[]] => [path, homes.pages],
      ),
      // Files of the API are the API's, whatever a rule for the frontend's own files says.
      ...[`${encoded}users`, `${api}files/report.js`, `${api}avatars/42.png`].map(
        (path): [string, string[]] => [path, homes.api],
      ),
      ...(stream?.startsWith(api) ? [[`${stream}x`, homes.api] as [string, string[]]] : []),
      ...[bare, `/${api}users`].map((path): [string, string[]] => [
        path,
        [...homes.pages, ...homes.api],
      ]),
      ...[`${api}users`, login, ...(stream === undefined ? [] : [stream])]
        .filter(path => path.startsWith(api))
        .map((path): [string, string[]] => [DETOUR + path, [...homes.api]]),
    ]
    for (const [path, home] of belongs) {
      for (const { answer, protocol, passed } of await follow(context, path)) {
        const went = passed[0]?.role ?? 'edge'
        evidence(`${path} over ${protocol}`, `${outcomeOf(answer)}; ${went}`)
        // The edge may send it on to its proper spelling, or refuse it; it is not lost in a file that is not there.
        const isLost = home === homes.api && answer.status === 404
        // What comes by a detour is refused, or put straight; the edge has nothing of its own to say there.
        const isMadeUp = path.startsWith(DETOUR) && (answer.status ?? 400) < 300
        const isAnswered = went === 'edge' && !isLost && !isMadeUp
        judging({ path })
        if (!isAnswered) expect(home, `where ${path} belongs over ${protocol}`).toContain(went)
        const [first] = passed
        // Where the prefix is taken off, the backend knows none of its paths by another spelling of it.
        const isStripped = apiAtBackend !== api && path.startsWith(DETOUR)
        if (first?.role !== 'backend' || !isStripped) continue
        evidence(`${path} at the backend`, first.target)
        const scope = scopeOf(context, path)
        // What should have refused it, or put it straight, does not, or is missing there.
        if (first.target.includes('..') && scope !== undefined)
          for (const { at, name, text } of [
            ...(scope.directive.block ?? []).filter(each => each.name === 'if'),
            scope.directive,
          ])
            blame(at, name, text)
        expect(first.target, `what ${path} is at the backend`).not.toContain('..')
      }
    }
  },
})

/** Whom the edge itself sends a request to, over each protocol. */
async function firstStops(context: ClaimContext, path: string): Promise<string[]> {
  const followed = await follow(context, path)
  return [...new Set(followed.map(({ passed }) => passed[0]?.role ?? 'edge'))]
}

interface Followed {
  protocol: string
  answer: HttpRecord
  /** In the order of passing. */
  passed: RequestRecord[]
}

/** Sends a request over each protocol and tells whom it passed. */
function follow(
  context: ClaimContext,
  path: string,
  method = usualMethod(context.contract, path),
): Promise<Followed[]> {
  const { contract, frontend, backend, nonce } = context
  return atItsPace(
    context,
    path,
    context.client.protocols.map(protocol => async client => {
      const id = nonce()
      // A query of its own for each protocol, so that no cache answers the second from the first.
      const body = method === 'POST' ? '{}' : undefined
      // A stream that ends at once is an answer like any other.
      const { stream } = contract.paths
      if (stream !== undefined && path.includes(stream))
        await backend.steer(id, { status: 200, body: '' })
      const answer = await client[protocol].request({
        path: apart(path, id),
        method,
        body,
        nonce: id,
      })
      // The answer is here, so whoever took part has recorded it.
      const passed = [...(await frontend.requests(id)), ...(await backend.requests(id))]
      return { protocol: answer.protocol, answer, passed }
    }),
  )
}

/** Whether the edge did not get through to any service. */
function isUnanswered(answer: HttpRecord, passed: RequestRecord[]): boolean {
  return passed.length === 0 && isGone(answer)
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

/** The same path with a query that no other request has. */
function apart(path: string, id: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}probe=${id}`
}
