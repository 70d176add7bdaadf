import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { type Arrival, apiRoutes, arrivals, arrived } from '../../fixtures/arrivals.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { unevenOthers, unevenRoutes } from '../../fixtures/faults/headers.ts'
import { secureServer } from '../../fixtures/hosts.ts'
import { noOpenApi, noWayIn } from '../../fixtures/needs.ts'
import { everyLocation } from '../../fixtures/platform/every-location.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { locationFor } from '../../fixtures/platform/nginx/servers.ts'
import type { Location, Server } from '../../fixtures/platform/nginx/tree.ts'
import { pathInto } from '../../fixtures/platform/path-into.ts'
import { outcomeOf } from '../../fixtures/platform/request-outcome.ts'
import { reachesRole } from '../../fixtures/playing.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'

/** What an edge tells of the client, and applications rely on. (The id of a request is headers/one-request-id.) */
const FORWARDING = ['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-real-ip']

/** What they can do without, since it only repeats the others: a route that lacks it is worth a word. */
const REPEATING = ['x-forwarded-host', 'x-forwarded-port', 'forwarded', 'x-request-id']

/** Without these a service takes the edge for the client, and its own name for the site's. */
const NEEDED = ['host', 'x-forwarded-for', 'x-forwarded-proto']

/** Routes of an API that are asked by machines and read by developers: no identity depends on them. */
const BYSTANDER =
  /\/(health\w*|ready\w*|live(ness|z)|ping|status|metrics|docs|redoc|swagger[\w-]*|openapi[\w.-]*)(\/|$)/i

claim('headers/same-on-every-route', {
  level: 'must',
  says: 'A forwarding header that is set for one API route is set for every API route, the stream included.',
  source: { standard: 'nginx, proxy_set_header: inherited all or not at all' },
  arrivesBy: requestsArrive,
  needs: noOpenApi,
  governedBy: { path: ({ paths }) => paths.api, directives: ['proxy_set_header'] },
  brokenBy: unevenRoutes,

  async check(context) {
    const { contract, evidence, judging } = context
    const further = pathsOf(context, contract.hosts.primary).filter(path => isOfApi(context, path))
    const routes = [...new Set([...apiRoutes(contract), ...further])]
    const api = arrived(await arrivals(context, routes))
    const lacking = (names: string[], route: Arrival) =>
      names.filter(
        name => api.some(other => isSet(context, other, name)) && !isSet(context, route, name),
      )
    for (const route of api) {
      const missing = lacking(FORWARDING, route)
      const repeating = lacking(REPEATING, route)
      if (repeating.length > 0) evidence(`advice: ${route.path}`, `lacks ${repeating.join(', ')}`)
      evidence(route.path, missing.length === 0 ? 'all' : `lacks ${missing.join(', ')}`)
      judging({ path: route.path, about: aboutAny(missing) })
      expect(missing, `forwarding headers that ${route.path} lacks`).toEqual([])
    }
  },
})

claim('headers/same-on-other-routes', {
  level: 'should',
  says: 'A forwarding header that is set for one route is set for pages, files and every other route that is handed on.',
  source: { standard: 'nginx, proxy_set_header: inherited all or not at all' },
  arrivesBy: requestsArrive,
  needs: noWayIn,
  governedBy: { path: ({ paths }) => paths.static, directives: ['proxy_set_header'] },
  brokenBy: unevenOthers,

  async check(context) {
    const { contract, evidence, judging } = context
    const { primary, others: hosts } = contract.hosts
    const paths = ['/', `${contract.paths.static}chunks/app.js`, ...pathsOf(context, primary)]
    const others = paths.filter(path => !isOfApi(context, path))
    const all = await arrivals(context, [...new Set([...apiRoutes(contract), ...others])])
    const seen = all.filter(({ passed }) => passed.length > 0)
    const judge = (host: string, path: string, missing: string[], source = '') => {
      const route = host === primary ? path : `https://${host}${path}`
      evidence(route, `${missing.length === 0 ? 'all' : `lacks ${missing.join(', ')}`}${source}`)
      judging({ host, path, about: aboutAny(missing) })
      expect(missing, `forwarding headers that ${route} lacks`).toEqual([])
    }
    const usual = NEEDED.filter(name => seen.some(other => isSet(context, other, name)))
    for (const route of seen.filter(({ path }) => others.includes(path)))
      judge(
        primary,
        route.path,
        usual.filter(name => !isSet(context, route, name)),
      )
    // Another service than frontend and backend has no stand-in that could say what it was told.
    const elsewhere = others.filter(path => isElsewhere(context, path))
    for (const [host, routes, names] of [
      [primary, elsewhere, usual] as const,
      ...hosts.map(host => {
        const own = pathsOf(context, host)
        const set = NEEDED.filter(name => own.some(path => isWritten(context, host, path, name)))
        return [host, own, set] as const
      }),
    ])
      for (const path of routes)
        judge(
          host,
          path,
          names.filter(name => !isWritten(context, host, path, name)),
          ', read from the configuration',
        )
  },
})

/** Most further routes that are asked for. */
const MOST = 20

/** A path into each location of a host that hands requests on, and may have lost what others have. */
function pathsOf({ contract, facts }: ClaimContext, host: string): string[] {
  const server = secureServer(contract, facts, host)
  if (server === undefined) return []
  const isPassed = (target: string) => {
    const outcome = outcomeOf(server, { target, host })
    return outcome.kind === 'proxy' && outcome.by === 'proxy_pass'
  }
  return everyLocation(server)
    .map(pathInto)
    .filter(path => path !== undefined)
    .filter(isPassed)
    .slice(0, MOST)
}

/** Whether a path is one of the API's own, and handed to where the API is. */
function isOfApi(context: ClaimContext, path: string): boolean {
  const { paths } = context.contract
  return path.startsWith(paths.api) && !BYSTANDER.test(path) && !isElsewhere(context, path)
}

/** Whether a path is handed to a service that is neither frontend nor backend. */
function isElsewhere({ contract, facts }: ClaimContext, target: string): boolean {
  const { hosts } = contract
  const server = secureServer(contract, facts, hosts.primary)
  const outcome = server && outcomeOf(server, { target, host: hosts.primary })
  if (outcome?.kind !== 'proxy' || outcome.to.length === 0) return false
  return !reachesRole(contract, outcome)
}

/** Whether what is directly behind the edge was told; the client says none of these but its Host. */
function isSet({ contract }: ClaimContext, { passed: [first] }: Arrival, name: string): boolean {
  const [value = ''] = first === undefined ? [] : valuesOf(first.headers, name)
  if (name !== 'host') return value !== ''
  // Host itself is always there; what counts is whose.
  const names = ['host', 'x-forwarded-host'].flatMap(each => valuesOf(first?.headers ?? [], each))
  return names.some(each => each.toLowerCase().replace(/:\d+$/, '') === contract.hosts.primary)
}

/** Whether the configuration sets it for a route. */
function isWritten(
  { contract, facts }: ClaimContext,
  host: string,
  path: string,
  name: string,
): boolean {
  const server = secureServer(contract, facts, host)
  const scope: Server | Location | undefined = server && (locationFor(server, path) ?? server)
  const set = scope === undefined ? [] : effective(scope, 'proxy_set_header').directives
  return set.some(
    ({ args: [header = '', value = ''] }) =>
      (header.toLowerCase() === name ||
        (name === 'host' && header.toLowerCase() === 'x-forwarded-host')) &&
      !['', '$proxy_host'].includes(value),
  )
}
