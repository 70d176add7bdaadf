import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { claim } from '../../fixtures/claim.ts'
import { isEdgeRefusal } from '../../fixtures/edge-answers.ts'
import { upgradeLost } from '../../fixtures/faults/routing.ts'
import { anyOf, type Need, noBackend } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { everyLocation } from '../../fixtures/platform/every-location.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import type { Location, Server } from '../../fixtures/platform/nginx/tree.ts'
import { outcomeOf } from '../../fixtures/platform/request-outcome.ts'
import { samplePath } from '../../fixtures/platform/sample-path.ts'
import { reachesRole } from '../../fixtures/playing.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'
import type { RequestRecord } from '../../stubs/protocol.ts'
import { NONCE_HEADER } from '../../stubs/protocol.ts'

/** Most paths that are tried: locations of one configuration rarely differ in this. */
const MOST = 4

const ID = 'routing/websocket'

const nowhere: Need = (contract, facts) =>
  configuredPaths(contract, facts).length === 0 ? 'no location passes an upgrade on' : undefined

claim(ID, {
  level: 'should',
  says: 'A WebSocket opens, and carries a message both ways, wherever the configuration passes upgrades on.',
  source: { standard: 'RFC 6455 §4; RFC 9110 §7.8' },
  arrivesBy: requestsArrive,
  needs: anyOf(noBackend, nowhere),
  governedBy: {
    path: ({ paths }) => `${paths.api}live`,
    directives: ['proxy_set_header'],
    about: aboutAny(['Upgrade', 'Connection']),
  },
  brokenBy: upgradeLost,

  async check({ client, frontend, backend, contract, facts, nonce, evidence, judging }) {
    for (const { path, location } of configuredPaths(contract, facts)) {
      const id = nonce()
      const socket = await client.webSocket({
        // A query of its own, so that no cache answers for a service.
        path: `${path}?probe=${id}`,
        headers: [[NONCE_HEADER, id]],
      })
      const reached = [...(await frontend.requests(id)), ...(await backend.requests(id))]
      const { status, accepted, error } = socket
      const echoed = socket.received === socket.sent
      evidence(path, {
        answer: status ?? error?.message ?? 'none',
        accepted,
        'message came back': echoed,
        reached: reached.map(({ role, httpVersion }) => `${role}, HTTP/${httpVersion}`),
      })
      // The edge may have sent it to a service that is no part of this, or turned it away.
      if (
        reached.length === 0 &&
        (isEdgeRefusal({ status }) || isElsewhere(path, location, contract))
      )
        continue
      judging({ path, about: aboutAny(lostOf(reached)) })
      expect(status, `status of an upgrade at ${path}`).toBe(101)
      judging({
        path,
        directives: ['proxy_http_version'],
        about: /proxy_http_version/,
        sound: { proxy_http_version: /^1\.1$/ },
      })
      // RFC 6455 §4.1 asks for 1.1; a server that takes 1.0 is more lenient than most.
      expect(
        reached.map(({ httpVersion }) => httpVersion),
        `HTTP versions of an upgrade at ${path}`,
      ).not.toContain('1.0')
      expect(accepted, `the handshake at ${path} is answered by its receiver`).toBe(true)
      expect(echoed, `a message at ${path} comes back`).toBe(true)
    }
  },
})

/** Paths whose location sends a client's Upgrade on; those that are made for it first. */
function configuredPaths(
  contract: Contract,
  facts: PlatformFacts,
): { path: string; location: Location }[] {
  const scope = scopeOf({ contract, facts }, '/')
  const server = scope === undefined || !('server' in scope) ? scope : scope.server
  const named = /(?:^|[^a-z])(?:ws|wss|websocket|socket\.io|live|hmr)(?:[^a-z]|$)/i
  const samples = everyLocation(server)
    .filter(({ modifier }) => modifier !== '@')
    .map(location => ({ location, path: sampleOf(location) }))
  // A login and an event stream may inherit the header; nobody opens a WebSocket there.
  const others = [contract.paths.login, contract.paths.stream]
  return [{ path: `${contract.paths.api}live` }, ...samples]
    .filter(({ path }) => !others.includes(path))
    .map(({ path }) => ({ path, location: server && handing(server, path, contract) }))
    .filter(
      (each): each is { path: string; location: Location } =>
        each.location !== undefined &&
        // A platform that promises it has to, whether its configuration says so or not.
        (contract.promises.includes(ID) || passesUpgrade(each.location)),
    )
    .filter(({ location }, at, all) => all.findIndex(each => each.location === location) === at)
    .sort((a, b) => Number(named.test(b.location.path)) - Number(named.test(a.location.path)))
    .slice(0, MOST)
}

/** The location that hands a path on: the one that takes it, or a named one behind that. */
function handing(server: Server, target: string, { hosts }: Contract): Location | undefined {
  const outcome = outcomeOf(server, { target, host: hosts.primary })
  return outcome.kind === 'return' ? undefined : outcome.location
}

function sampleOf(location: Location): string {
  if (location.modifier.startsWith('~')) return samplePath(location.path)
  return location.path
}

function passesUpgrade(location: Location): boolean {
  const isPassing = location.directive.block?.some(({ name }) => name === 'proxy_pass') ?? false
  return (
    isPassing &&
    effective(location, 'proxy_set_header').directives.some(
      ({ args: [name = '', value = ''] }) => name.toLowerCase() === 'upgrade' && value !== '',
    )
  )
}

/** Whether it goes to a server that no stand-in plays. */
function isElsewhere(path: string, location: Location, contract: Contract): boolean {
  const { primary } = contract.hosts
  return !reachesRole(contract, outcomeOf(location.server, { target: path, host: primary }))
}

/** Which of the two headers that make an upgrade did not reach a service; both where none was reached. */
function lostOf([first]: RequestRecord[]): string[] {
  const headers = first?.headers ?? []
  const isSaid = (name: string, word: RegExp) =>
    valuesOf(headers, name).some(value => word.test(value))
  const lost = [
    ...(isSaid('upgrade', /websocket/i) ? [] : ['Upgrade']),
    ...(isSaid('connection', /upgrade/i) ? [] : ['Connection']),
  ]
  return lost.length > 0 ? lost : ['Upgrade', 'Connection']
}
