import { expect } from 'vitest'
import { type Arrival, apiRoutes, arrivals, arrived } from '../../fixtures/arrivals.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { unevenRoutes } from '../../fixtures/faults/headers.ts'
import { noBackend, secureServer } from '../../fixtures/hosts.ts'
import { everyLocation } from '../../fixtures/platform/every-location.ts'
import { locationFor } from '../../fixtures/platform/nginx/servers.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'

/** What an edge tells of the client, and applications rely on. */
const FORWARDING = ['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-real-ip', 'x-request-id']

/** What they can do without, since it only repeats the others: a route that lacks it is worth a word. */
const REPEATING = ['x-forwarded-host', 'x-forwarded-port', 'forwarded']

claim('headers/same-on-every-route', {
  level: 'must',
  says: 'A forwarding header that is set for one API route is set for every API route, the stream included.',
  source: { standard: 'nginx, proxy_set_header: inherited all or not at all' },
  needs: noBackend,
  governedBy: { path: ({ paths }) => paths.api, directives: ['proxy_set_header'] },
  brokenBy: unevenRoutes,

  async check(context) {
    const { contract, evidence, judging } = context
    const routes = [...new Set([...apiRoutes(contract), ...furtherRoutes(context)])]
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
      judging({ path: route.path })
      expect(missing, `forwarding headers that ${route.path} lacks`).toEqual([])
    }
    for (const other of await arrivals(context, ['/', `${contract.paths.static}chunks/app.js`])) {
      const missing = lacking([...FORWARDING, ...REPEATING], other)
      if (other.passed.length > 0 && missing.length > 0)
        evidence(`advice: ${other.path}`, `lacks ${missing.join(', ')}`)
    }
  },
})

/** Most further routes that are asked for. */
const MOST = 12

/** Other locations of the API that the configuration has: each may have lost what the API's own has. */
function furtherRoutes({ contract, facts }: ClaimContext): string[] {
  const server = secureServer(contract, facts, contract.hosts.primary)
  if (server === undefined) return []
  const { api } = contract.paths
  return everyLocation(server)
    .filter(({ modifier, path }) => !/[~@]$|^~/.test(modifier) && path.startsWith(api))
    .map(location => ({
      location,
      path: location.path.endsWith('/') ? `${location.path}topology` : location.path,
    }))
    .filter(({ location, path }) => locationFor(server, path) === location)
    .map(({ path }) => path)
    .slice(0, MOST)
}

/** Whether what is directly behind the edge was told; the client says none of these but its Host. */
function isSet({ contract }: ClaimContext, { passed: [first] }: Arrival, name: string): boolean {
  const [value = ''] = first === undefined ? [] : valuesOf(first.headers, name)
  if (name !== 'host') return value !== ''
  // Host itself is always there; what counts is whose.
  const names = ['host', 'x-forwarded-host'].flatMap(each => valuesOf(first?.headers ?? [], each))
  return names.some(each => each.toLowerCase().replace(/:\d+$/, '') === contract.hosts.primary)
}
