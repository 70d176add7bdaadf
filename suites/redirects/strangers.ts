import { posix } from 'node:path'
import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { strangersAnswered } from '../../fixtures/faults/strangers.ts'
import { noHttps, servedHosts } from '../../fixtures/hosts.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { serverFor, servers } from '../../fixtures/platform/nginx/servers.ts'
import type { Directive, Server } from '../../fixtures/platform/nginx/tree.ts'
import { outcomeOf } from '../../fixtures/platform/request-outcome.ts'
import { header } from '../../fixtures/probes/http.ts'
import { USUAL_ROOTS } from '../../fixtures/usual-roots.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

/** A name that no platform serves (RFC 2606). */
const STRANGER = 'stranger.example'

claim('redirects/strangers-refused', {
  level: 'should',
  says: 'An edge that turns strangers away does so everywhere, over http and https, whether handshake or request names them: none falls to the server that happens to be first, and none is given a file.',
  source: { standard: 'RFC 9110 §7.4, §15.5.20 (misdirected requests)' },
  needs: (contract, facts) =>
    noHttps(contract) ??
    (schemesOf(contract).some(scheme => isTurnedAway(serverOf(scheme, contract, facts), scheme))
      ? undefined
      : 'the edge has no server that turns strangers away'),
  governedBy: {
    host: () => STRANGER,
    directives: ['return', 'listen', 'ssl_reject_handshake', 'server_name'],
  },
  brokenBy: strangersAnswered,

  async check(context) {
    const { contract, facts, engine, topology, nonce, blame, evidence, judging } = context
    const path = `/${nonce()}.txt`
    for (const root of rootsOf(contract, facts))
      await engine.putFile(topology.edge.id, posix.join(root, path), 'a file of the edge')
    for (const way of waysOf(contract)) {
      const answer = await ask(context, way, path)
      const server = serverOf(way.scheme, contract, facts)
      const { status, error } = answer
      const [location = ''] = header(answer, 'location')
      evidence(`${STRANGER}, ${way.said}`, `${status ?? error?.message ?? 'closed'} ${location}`)
      judging({ scheme: way.scheme, host: STRANGER, path })
      const leadsHere = servedHosts(contract).includes(URL.parse(location)?.hostname ?? '')
      // Who is sent to https under a strange name is turned away there; a server for all may send them where it likes.
      const isSentIn = leadsHere && !isForAll(server, portOf(way.scheme, contract))
      const isAnswered = status !== undefined && (status < 300 || isSentIn)
      // The server that answers comes first, then those that were meant to take strangers, and do not.
      const port = portOf(way.scheme, contract)
      if (isAnswered)
        for (const { at, name, text } of [
          ...answering(server, port),
          ...refusing(contract, facts, server),
        ])
          blame(at, name, text)
      expect(
        isAnswered ? status : undefined,
        `an answer to ${STRANGER}, ${way.said}`,
      ).toBeUndefined()
    }
  },
})

interface Way {
  said: string
  scheme: 'http' | 'https'
  /** Who the handshake names, where there is one. */
  sni?: string
}

function waysOf({ edge, hosts }: Contract): Way[] {
  return [
    ...(edge.plain ? [{ said: 'over http', scheme: 'http' as const }] : []),
    { said: 'named in the handshake', scheme: 'https', sni: STRANGER },
    { said: 'named in the request alone', scheme: 'https', sni: hosts.primary },
  ]
}

async function ask({ client, contract }: ClaimContext, { scheme, sni }: Way, path: string) {
  const { primary } = contract.hosts
  const headers = { host: STRANGER }
  if (scheme === 'http') return client.http1.request({ scheme, host: primary, path, headers })
  if (sni !== STRANGER) return client.http1.request({ host: primary, path, headers })
  const shown = await client.handshake({ sni: STRANGER })
  // With whatever certificate it shows to strangers, so that verification is no obstacle.
  const [name = primary] = (shown.certificate?.altNames ?? [])
    .filter(each => each.startsWith('DNS:') && !each.includes('*'))
    .map(each => each.slice('DNS:'.length))
  return client.http1.request({ host: name, sni, path, headers })
}

/** A server that is written for whoever else comes. */
function isForAll(server: Server | undefined, at: number): boolean {
  const isDefault = server?.listens.some(({ defaultServer, port }) => defaultServer && port === at)
  return isDefault || (server?.names.every(name => name === '_' || name === '') ?? false)
}

function schemesOf({ edge }: Contract): ('http' | 'https')[] {
  return edge.plain ? ['http', 'https'] : ['https']
}

function portOf(scheme: 'http' | 'https', { edge }: Contract): number {
  return scheme === 'http' ? edge.httpPort : edge.httpsPort
}

function serverOf(
  scheme: 'http' | 'https',
  contract: Contract,
  { configuration }: PlatformFacts,
): Server | undefined {
  return serverFor(configuration, { port: portOf(scheme, contract), host: STRANGER })
}

/** Before the handshake ends, by an error, or without a word. */
function isTurnedAway(server: Server | undefined, scheme: 'http' | 'https'): boolean {
  if (server === undefined) return false
  const [rejected] = effective(server, 'ssl_reject_handshake').directives
  if (scheme === 'https' && rejected?.args[0] === 'on') return true
  const outcome = outcomeOf(server, { target: '/', host: STRANGER })
  return outcome.kind === 'return' && outcome.status >= 400
}

/** The server that answers strangers, by what it listens at there. */
function answering(server: Server | undefined, port: number): Directive[] {
  if (server === undefined) return []
  const lines = server.listens.filter(listen => listen.port === port).map(({ at }) => at.line)
  const listens = (server.directive.block ?? []).filter(
    ({ name, at }) => name === 'listen' && lines.includes(at.line),
  )
  return [server.directive, ...listens.slice(0, 1)]
}

/** The servers that turn strangers away, but for the one that answers: each with what it listens at. */
function refusing(
  contract: Contract,
  { configuration }: PlatformFacts,
  answering: Server | undefined,
): Directive[] {
  return servers(configuration)
    .filter(server => server !== answering)
    .filter(server => schemesOf(contract).some(scheme => isTurnedAway(server, scheme)))
    .flatMap(({ directive }) => [
      directive,
      ...(directive.block ?? []).filter(({ name }) => name === 'listen'),
    ])
}

/** Where a file lies that would be found if nobody said otherwise. */
function rootsOf(contract: Contract, facts: PlatformFacts): string[] {
  const written = schemesOf(contract).flatMap(scheme => {
    const server = serverOf(scheme, contract, facts)
    return server === undefined ? [] : effective(server, 'root').directives
  })
  const roots = written.map(({ args: [root = ''] }) => root)
  return [...new Set([...USUAL_ROOTS, ...roots.filter(root => /^\/[\w/.-]+$/.test(root))])]
}
