import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { aliasAstray, loops, reflected } from '../../fixtures/faults/redirects.ts'
import { follow, type Journey } from '../../fixtures/follow.ts'
import {
  namedServer,
  noAliases,
  noHttps,
  secureHosts,
  secureServer,
  servedHosts,
  servedPlaces,
} from '../../fixtures/hosts.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { redirectHost } from '../../fixtures/platform/discover-hosts.ts'
import { serverFor } from '../../fixtures/platform/nginx/servers.ts'
import type { Server } from '../../fixtures/platform/nginx/tree.ts'
import { outcomeOf } from '../../fixtures/platform/request-outcome.ts'
import { header } from '../../fixtures/probes/http.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

const directives = ['return', 'rewrite', 'proxy_pass', 'server_name']
const TARGET = '/coaching/sessions/42?view=week'

claim('redirects/canonical-host', {
  // An alias that serves the application itself, as the primary host does, may do so on purpose: then it is advice.
  level: (contract, facts) => (aliasesApart(contract, facts).length > 0 ? 'must' : 'should'),
  says: 'Alias hosts end at the primary host, in one hop from https and at most two from http, path and query kept.',
  source: { standard: 'RFC 9110 §15.4; RFC 6596 (canonical URLs)' },
  needs: contract => noHttps(contract) ?? noAliases(contract),
  governedBy: { path: () => TARGET, host: ({ hosts }) => hosts.aliases[0] ?? '', directives },
  brokenBy: aliasAstray,

  async check({ client, contract, facts, evidence, judging }) {
    const { primary, aliases } = contract.hosts
    const apart = aliasesApart(contract, facts)
    const secure = secureHosts(contract, facts)
    const hosts = servedHosts(contract)
    for (const alias of apart.length > 0 ? apart : aliases) {
      const starts = [
        ...(secure.includes(alias) ? [{ scheme: 'https' as const, most: 1 }] : []),
        ...(contract.edge.plain ? [{ scheme: 'http' as const, most: 2 }] : []),
      ]
      for (const { scheme, most } of starts) {
        const start = `${scheme}://${alias}${TARGET}`
        const journey = await follow(client, contract, hosts, start)
        evidence(start, describe(journey))
        judging(leadingTo(primary, journey))
        expect(journey.urls.at(-1), `where ${start} ends`).toBe(`https://${primary}${TARGET}`)
        judging(placeOf(start))
        expect(journey.urls.length - 1, `hops from ${start}`).toBeLessThanOrEqual(most)
      }
    }
    for (const alias of aliases.filter(each => apart.length > 0 && !apart.includes(each)))
      evidence(`advice: ${alias}`, 'served beside the primary host, and not redirected to it')
  },
})

/** Aliases that do not serve the application themselves, as the files have it: they are there to lead to it. */
function aliasesApart(contract: Contract, facts: PlatformFacts): string[] {
  const kind = (host: string) => {
    const server = servedBy(contract, facts, host)
    return server && outcomeOf(server, { target: TARGET, host }).kind
  }
  const { primary, aliases } = contract.hosts
  return aliases.filter(alias => kind(alias) !== kind(primary))
}

/** The server that answers an alias: one that is named for it, or the one for all that its own plain one leads to. */
function servedBy(contract: Contract, facts: PlatformFacts, host: string): Server | undefined {
  const named = namedServer(contract, facts, host)
  if (named !== undefined) return named
  const plain = serverFor(facts.configuration, { port: contract.edge.httpPort, host })
  const leadsTo = plain && redirectHost(outcomeOf(plain, { target: TARGET, host }))
  return leadsTo === host ? secureServer(contract, facts, host) : undefined
}

claim('redirects/no-loop', {
  level: 'must',
  says: 'No host and scheme redirects in a circle.',
  source: { standard: 'RFC 9110 §15.4 (cyclical redirections)' },
  governedBy: { path: () => '/', directives },
  brokenBy: loops,

  async check({ client, contract, facts, evidence, judging }) {
    const { paths } = contract
    const hosts = servedHosts(contract)
    const starts = servedPlaces(contract, facts).flatMap(place =>
      ['/', paths.login, paths.api.replace(/\/$/, '')].map(path => ({ ...place, path })),
    )
    const journeys = await Promise.all(
      starts.map(({ scheme, host, path }) =>
        follow(client, contract, hosts, `${scheme}://${host}${path}`),
      ),
    )
    for (const [index, start] of starts.entries()) {
      const journey = journeys[index]
      if (journey === undefined) continue
      evidence(`${start.scheme}://${start.host}${start.path}`, describe(journey))
      judging(start)
      expect(['answered', 'left'], `end of ${describe(journey)}`).toContain(journey.ended)
    }
  },
})

/** A name that no platform serves (RFC 2606). */
const FOREIGN = 'foreign-host.example'

claim('redirects/unknown-host-not-reflected', {
  level: 'should',
  says: 'A Host that the platform does not serve is not put into a redirect.',
  source: { standard: 'RFC 9110 §7.2 (Host and misdirected requests)' },
  needs: (contract, facts) =>
    noHttps(contract) ??
    (namedServer(contract, facts, contract.hosts.primary) === namedServer(contract, facts, FOREIGN)
      ? 'the platform serves any name that it is asked for'
      : undefined),
  governedBy: { host: () => FOREIGN, scheme: 'http', directives: ['return', 'rewrite', 'listen'] },
  brokenBy: reflected,

  async check({ client, contract, evidence, judging }) {
    for (const scheme of contract.edge.plain
      ? (['http', 'https'] as const)
      : (['https'] as const)) {
      const answer = await client.http1.request({
        scheme,
        path: '/elsewhere',
        headers: { host: FOREIGN },
        host: contract.hosts.primary,
      })
      const location = header(answer, 'location').join(' | ')
      evidence(`${scheme}://${FOREIGN}`, `${answer.status ?? answer.error?.message} ${location}`)
      judging({ scheme, host: FOREIGN, path: '/elsewhere' })
      expect(location, `Location for ${scheme}://${FOREIGN}`).not.toContain(FOREIGN)
    }
  },
})

interface Place {
  scheme: 'http' | 'https'
  host: string
  path: string
}

/** The request whose answer said how to reach a host; the last one, where that is not reached. */
function leadingTo(host: string, { urls, last }: Journey): Place {
  const before = urls.at(-2)
  const isReached = before !== undefined && placeOf(last.url).host === host
  return isReached && last.url === urls.at(-1) ? placeOf(before) : placeOf(last.url)
}

function placeOf(url: string): Place {
  const { protocol, hostname, pathname, search } = new URL(url)
  const scheme = protocol === 'http:' ? 'http' : 'https'
  return { scheme, host: hostname, path: `${pathname}${search}` }
}

function describe({ urls, last, leaves, ended }: Journey): string {
  const end = ended === 'left' ? `leaves for ${leaves}` : ended
  return `${urls.join(' → ')}: ${last.status ?? last.error?.message}, ${end}`
}
