import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { apiRoutes, arrivals, arrived } from '../../fixtures/arrivals.ts'
import { claim } from '../../fixtures/claim.ts'
import {
  assertNotTrusted,
  clientAddresses,
  expectedAddress,
} from '../../fixtures/client-addresses.ts'
import { notTold, saidTwice, withheldPassed } from '../../fixtures/faults/headers-inwards.ts'
import { anyOf, noWayIn } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import { scopeOf } from '../../fixtures/scope.ts'

const source = { standard: 'RFC 7239 §4, §8.1 (what proxies tell, and clients may forge)' }

/** An address and a name that nobody has (RFC 5737, RFC 2606). */
const FORGED: Record<string, string> = {
  'x-forwarded-for': '203.0.113.78',
  'x-real-ip': '203.0.113.78',
  'x-forwarded-host': 'forged.example',
  'x-forwarded-proto': 'gopher',
  'x-forwarded-port': '70',
  'x-forwarded-scheme': 'gopher',
}

claim('headers/told-as-promised', {
  level: 'must',
  says: 'Every header in which the contract says that services are told of a request reaches them on every route, once and true, whatever the client says.',
  source,
  arrivesBy: requestsArrive,
  needs: anyOf(noWayIn, ({ requests }) =>
    requests.told.length === 0 ? 'the contract names no header that services rely on' : undefined,
  ),
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['proxy_set_header'],
  },
  brokenBy: notTold,

  async check(context) {
    const { contract, evidence, judging } = context
    const { told } = contract.requests
    const addresses = await clientAddresses(context)
    const routes = ['/', ...apiRoutes(contract)]
    for (const { path, passed } of arrived(await arrivals(context, routes, FORGED))) {
      const [first] = passed
      for (const name of told) {
        const values = valuesOf(first?.headers ?? [], name)
        evidence(`${path} at the ${first?.role}`, `${name}: ${values.join(' | ') || 'none'}`)
        judging({ path, about: aboutAny([name]) })
        const address = expectedAddress(addresses, values)
        if (values.includes(FORGED[name.toLowerCase()] ?? ''))
          assertNotTrusted(context, path, addresses)
        const truth = truthOf(name.toLowerCase(), contract, address)
        const title = `${name} that the ${first?.role} is told on ${path}`
        expect(values.length, `lines of ${title}`).toBe(1)
        if (truth === undefined) expect(values[0], title).toMatch(/./)
        else expect(withoutPort(values[0], name, contract), title).toBe(truth)
      }
    }
  },
})

/** A host may be told with the port at which the edge is reached: it says where the client asked. */
function withoutPort(
  value: string | undefined,
  name: string,
  { edge }: Contract,
): string | undefined {
  if (!/^(?:host|x-forwarded-host)$/i.test(name)) return value
  const ports = [edge.port, edge.httpPort, edge.httpsPort].join('|')
  return value?.replace(new RegExp(`:(?:${ports})$`), '')
}

/** What a header says where it says the truth; undefined where only that it says something can be judged. */
function truthOf(name: string, { hosts, edge }: Contract, address: string): string | undefined {
  return {
    host: hosts.primary,
    'x-forwarded-host': hosts.primary,
    'x-forwarded-proto': edge.scheme,
    'x-forwarded-scheme': edge.scheme,
    'x-forwarded-port': String(edge.port),
    'x-forwarded-for': address,
    'x-real-ip': address,
  }[name]
}

claim('headers/withheld-as-promised', {
  level: 'must',
  says: 'No header of a client that the contract withholds from services reaches one.',
  source,
  arrivesBy: requestsArrive,
  needs: anyOf(noWayIn, ({ requests }) =>
    requests.withheld.length === 0 ? 'the contract withholds no header of a client' : undefined,
  ),
  governedBy: { path: ({ paths }) => paths.api, directives: ['proxy_set_header'] },
  brokenBy: withheldPassed,

  async check(context) {
    const { contract, evidence, judging } = context
    const { withheld } = contract.requests
    const sent = Object.fromEntries(withheld.map(name => [name.toLowerCase(), 'for=203.0.113.79']))
    const routes = ['/', ...apiRoutes(contract)]
    for (const { path, passed } of arrived(await arrivals(context, routes, sent)))
      for (const { role, headers } of passed) {
        const seen = withheld.filter(name => valuesOf(headers, name).length > 0)
        evidence(`${path} at the ${role}`, seen.join(', ') || 'none of them')
        judging({ path, about: aboutAny(seen.length > 0 ? seen : withheld) })
        expect(seen, `withheld headers that reach the ${role} on ${path}`).toEqual([])
      }
  },
})

/** What any proxy may set; others are known from the configuration. */
const USUAL = ['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip']

/** Lines that a service reads as one list, however many there are. */
const LISTS = /^(?:cookie|forwarded|via|accept.*|cache-control)$/

claim('headers/forwarded-once', {
  level: 'should',
  says: 'A header that the edge sets reaches a service in one line.',
  source: { standard: 'RFC 9110 §5.3; RFC 9112 §3.2 (two lines of Host are refused)' },
  arrivesBy: requestsArrive,
  needs: noWayIn,
  governedBy: { path: ({ paths }) => paths.api, directives: ['proxy_set_header'] },
  brokenBy: saidTwice,

  async check(context) {
    const { contract, evidence, judging } = context
    const routes = ['/', ...apiRoutes(contract)]
    for (const { path, passed } of arrived(await arrivals(context, routes))) {
      const [first] = passed
      const scope = scopeOf(context, path)
      const set = scope === undefined ? [] : effective(scope, 'proxy_set_header').directives
      const names = [...USUAL, ...set.map(({ args: [name = ''] }) => name.toLowerCase())]
      const repeated = [...new Set(names)]
        .filter(name => !LISTS.test(name))
        .filter(name => valuesOf(first?.headers ?? [], name).length > 1)
      const seen = repeated.map(
        name => `${name}: ${valuesOf(first?.headers ?? [], name).join(' | ')}`,
      )
      evidence(`${path} at the ${first?.role}`, seen.join('; ') || 'each once')
      judging({ path, about: aboutAny(repeated) })
      expect(repeated, `headers that the ${first?.role} gets more than once on ${path}`).toEqual([])
    }
  },
})
