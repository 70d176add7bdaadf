import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { plainAddress } from '../../fixtures/actors.ts'
import { apiRoutes, arrivals, arrived, recordOf } from '../../fixtures/arrivals.ts'
import { claim } from '../../fixtures/claim.ts'
import {
  assertNotTrusted,
  believingEverybody,
  clientAddresses,
  expectedAddress,
} from '../../fixtures/client-addresses.ts'
import { addressLost, addressSpoofed, hostLost } from '../../fixtures/faults/headers.ts'
import { anyOf, noOpenApi, noWayIn } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import { drawnProxy, proxyBefore, trustedProxies } from '../../fixtures/proxy-before.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'
import type { Header } from '../../stubs/protocol.ts'

/** Headers that tell an address. */
const ADDRESS = aboutAny(['X-Forwarded-For', 'X-Real-IP', 'Forwarded'])

const directives = ['proxy_set_header']

claim('headers/host-forwarded', {
  level: 'must',
  says: "Frontend and backend receive the client's Host, or are told it as X-Forwarded-Host.",
  source: { standard: 'RFC 9110 §7.2' },
  arrivesBy: requestsArrive,
  needs: noWayIn,
  governedBy: { path: ({ paths }) => paths.api, directives, about: /\bhost\b/i },
  brokenBy: hostLost,

  async check(context) {
    const { contract, evidence, judging } = context
    const routes = ['/', ...apiRoutes(contract)]
    for (const { path, passed } of arrived(await arrivals(context, routes))) {
      for (const { role, headers } of passed) {
        const host = valuesOf(headers, 'host').join(' | ')
        const forwarded = valuesOf(headers, 'x-forwarded-host').join(' | ')
        evidence(
          `${path} at the ${role}`,
          `Host: ${host}; X-Forwarded-Host: ${forwarded || 'none'}`,
        )
        const names = [host, forwarded].map(value => value.toLowerCase().replace(/:\d+$/, ''))
        judging({ path })
        expect(names, `hosts that the ${role} is told of on ${path}`).toContain(
          contract.hosts.primary,
        )
      }
    }
  },
})

claim('headers/client-address-forwarded', {
  level: 'must',
  says: "The backend receives the client's real address, on every route.",
  source: { standard: 'RFC 7239 §5.2 (X-Forwarded-For as its forerunner)' },
  arrivesBy: requestsArrive,
  needs: noOpenApi,
  governedBy: { path: ({ paths }) => paths.api, directives, about: ADDRESS },
  brokenBy: addressLost,

  async check(context) {
    const { contract, evidence, judging } = context
    const addresses = await clientAddresses(context)
    evidence("the client's address on the edge's networks", addresses.join(' or '))
    const all = arrived(await arrivals(context, apiRoutes(contract)), 'backend')
    for (const arrival of all) {
      for (const { headers } of recordOf(arrival, 'backend')) {
        const told = addressesIn(headers)
        evidence(arrival.path, described(told))
        judging({ path: arrival.path })
        const all = Object.values(told).flat()
        expect(all, `addresses that the backend is told on ${arrival.path}`).toContain(
          expectedAddress(addresses, all),
        )
      }
    }
  },
})

/** An address that nobody has (RFC 5737). */
const CLAIMED = '203.0.113.77'

claim('headers/no-address-spoofing', {
  level: 'should',
  says: "A client's own X-Forwarded-For or X-Real-IP cannot pass as its address.",
  source: { standard: 'RFC 7239 §8.1' },
  arrivesBy: requestsArrive,
  needs: anyOf(noOpenApi, drawnBehindAnother),
  governedBy: { path: ({ paths }) => paths.api, directives, about: ADDRESS },
  brokenBy: addressSpoofed,

  async check(context) {
    const { contract, blame, evidence, judging } = context
    const routes = apiRoutes(contract)
    const addresses = await clientAddresses(context)
    for (const path of routes) assertNotTrusted(context, path, addresses)
    const honest = arrived(await arrivals(context, routes), 'backend')
    const lying = await arrivals(context, routes, {
      'x-forwarded-for': CLAIMED,
      'x-real-ip': CLAIMED,
      forwarded: `for=${CLAIMED}`,
    })
    for (const { path, passed } of arrived(lying, 'backend')) {
      const usual = addressesIn(headersAtBackend(honest.find(each => each.path === path)?.passed))
      const told = addressesIn(headersAtBackend(passed))
      evidence(path, described(told))
      // An application reads what the edge sets, and the two that are widely known whoever set them.
      const read = Object.keys(told).filter(
        name => name !== 'Forwarded' || usual[name]?.length || !isAnySet(usual),
      )
      // Proxies append on the right, so the first is taken for the client.
      const spoofed = read.filter(name => told[name]?.[0] === CLAIMED)
      const believing = believingEverybody(context, path)
      // What the edge takes for the client's address itself is graver than what it leaves beside it.
      if (spoofed.length > 0 && believing.length > 0) {
        for (const { at, name, text } of believing) blame(at, name, text)
        judging({ path, directives: ['set_real_ip_from', 'real_ip_header'], about: /./ })
        expect(
          spoofed,
          `headers whose address a client makes up on ${path}: the edge takes anybody's word for who asks, in its log and limits, too`,
        ).toEqual([])
      }
      judging({ path, about: aboutAny(spoofed) })
      expect(
        spoofed,
        `headers whose first address a client makes up on ${path} (services that count from the right are safe)`,
      ).toEqual([])
    }
  },
})

/** What a proxy before the edge says of a client stands where the client's own word would. Only who trusts everybody is judged. */
function drawnBehindAnother(contract: Contract, facts: PlatformFacts): string | undefined {
  const trustsAll = trustedProxies(contract, facts).some(line =>
    /\s(?:0\.0\.0\.0|::)\/0$/.test(line),
  )
  return drawnProxy(facts) !== undefined && !trustsAll ? proxyBefore(contract, facts) : undefined
}

function isAnySet(told: Record<string, string[]>): boolean {
  return Object.values(told).some(addresses => addresses.length > 0)
}

function headersAtBackend(passed: { role: string; headers: Header[] }[] = []): Header[] {
  return passed.find(({ role }) => role === 'backend')?.headers ?? []
}

/** The addresses that each header names, from left to right. */
function addressesIn(headers: Header[]): Record<string, string[]> {
  const elements = (name: string) => valuesOf(headers, name).flatMap(value => value.split(','))
  const named = elements('forwarded').map(each => /for="?\[?([^;,"\]]+)/i.exec(each)?.[1] ?? '')
  return {
    'X-Forwarded-For': elements('x-forwarded-for').map(clean),
    'X-Real-IP': elements('x-real-ip').map(clean),
    Forwarded: named.map(clean),
  }
}

function clean(address: string): string {
  return plainAddress(address.trim())
}

function described(told: Record<string, string[]>): string {
  return Object.entries(told)
    .map(([name, addresses]) => `${name}: ${addresses.join(', ') || 'none'}`)
    .join('; ')
}
