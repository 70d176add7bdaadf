import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { type Arrival, apiRoutes, arrivals, arrived } from '../../fixtures/arrivals.ts'
import { claim } from '../../fixtures/claim.ts'
import { schemeSpoofed } from '../../fixtures/faults/headers.ts'
import { noHttps } from '../../fixtures/hosts.ts'
import { anyOf, noWayIn } from '../../fixtures/needs.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import { proxyBefore } from '../../fixtures/proxy-before.ts'

/** Headers in which a proxy says how the client came, with what a client that came over https may lie. */
const LIES: Record<string, string> = {
  'x-forwarded-proto': 'http',
  'x-forwarded-scheme': 'http',
  'x-forwarded-ssl': 'off',
  'front-end-https': 'off',
}

claim('headers/no-scheme-spoofing', {
  // Some keep what a load balancer may have said, and have none: a service that then builds links is misled, no more.
  level: 'should',
  says: "A client's own X-Forwarded-Proto cannot pass as the scheme by which it came.",
  source: { standard: 'RFC 7239 §5.4, §8.1 (X-Forwarded-Proto as its forerunner)' },
  arrivesBy: requestsArrive,
  needs: anyOf(noHttps, noWayIn, proxyBefore),
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['proxy_set_header'],
    about: aboutAny(['X-Forwarded-Proto']),
  },
  brokenBy: schemeSpoofed,

  async check(context) {
    const { contract, evidence, judging } = context
    const routes = ['/', ...apiRoutes(contract)]
    const honest = arrived(await arrivals(context, routes))
    const lying = arrived(await arrivals(context, routes, LIES))
    for (const { path, ...arrival } of lying) {
      const usual = honest.find(each => each.path === path)
      // What the edge never tells, a service does not rely on; that it tells the scheme is for tls/terminates-at-edge.
      const told = Object.keys(LIES).filter(name => toldAs(usual, name) !== '')
      const believed = told.filter(name => toldAs(arrival, name) !== toldAs(usual, name))
      evidence(path, told.map(name => `${name}: ${toldAs(arrival, name)}`).join('; ') || 'none')
      judging({ path, about: aboutAny(believed.length > 0 ? believed : told) })
      for (const name of told)
        expect(toldAs(arrival, name), `${name} on ${path}, whatever the client says`).toBe(
          toldAs(usual, name),
        )
    }
  },
})

/** What the service directly behind the edge is told in a header; empty where it is told nothing. */
function toldAs(arrival: Pick<Arrival, 'passed'> | undefined, name: string): string {
  return valuesOf(arrival?.passed[0]?.headers ?? [], name).join(' | ')
}
