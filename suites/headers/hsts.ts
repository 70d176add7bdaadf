import { expect } from 'vitest'
import { answersOfHost, everyKindOfAnswer } from '../../fixtures/answers.ts'
import { claim } from '../../fixtures/claim.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { hstsLost, hstsOnPrimaryAlone, hstsOverHttp } from '../../fixtures/faults/headers.ts'
import {
  noHttps,
  noPlainHttp,
  secureHosts,
  secureServer,
  servedHosts,
} from '../../fixtures/hosts.ts'
import { anyOf, promises } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'
import { header } from '../../fixtures/probes/http.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

const NAME = /\bstrict-transport-security\b/i

claim('headers/hsts', {
  // What the edge never says may be left to the application, which is not under test.
  level: (contract, facts) =>
    setsHsts(contract, facts, contract.hosts.primary) ? 'must' : 'should',
  says: 'Every https answer of the primary host, errors included, and of every other host that sets it, has one valid Strict-Transport-Security of at least the promised age.',
  source: { spec: 'SSL/TLS; RFC 6797 §6.1' },
  needs: noHttps,
  governedBy: {
    limit: 'hstsMaxAgeSeconds',
    path: ({ paths }) => paths.api,
    directives: ['add_header'],
    about: NAME,
  },
  brokenBy: hstsLost,

  async check(context) {
    const { contract, facts, evidence, judging } = context
    const others = secureHosts(contract, facts).filter(
      host => contract.hosts.others.includes(host) && setsHsts(contract, facts, host),
    )
    const answers = await Promise.all([
      everyKindOfAnswer(context),
      ...others.map(host => answersOfHost(context, host)),
    ])
    for (const { title, host, path, answer } of answers.flat()) {
      const values = header(answer, 'strict-transport-security')
      const seen = `${answer.status}; ${values.join(' | ') || 'no Strict-Transport-Security'}`
      const isAdvice = host !== contract.hosts.primary && !setsHsts(contract, facts, host)
      evidence(isAdvice ? `advice: ${title}` : title, seen)
      // An alias that never sets it only misses an opportunity: whoever follows it is told by the primary host.
      if (isAdvice) continue
      judging({ host, path })
      expect(values, `Strict-Transport-Security of ${title} (${answer.status})`).toHaveLength(1)
      expect(maxAge(values[0]), `max-age of ${title} (${answer.status})`).toBeGreaterThanOrEqual(
        leastAge(contract),
      )
    }
  },
})

claim('headers/hsts-on-every-host', {
  level: 'should',
  says: 'Hosts beside the primary one, redirects included, send Strict-Transport-Security too.',
  source: { standard: 'RFC 6797 §7.1, §11.4.2 (each host tells it for itself)' },
  needs: (contract, facts) =>
    noHttps(contract) ??
    (!setsHsts(contract, facts, contract.hosts.primary)
      ? 'the primary host sets none either'
      : secureHosts(contract, facts).length === 1
        ? 'the platform serves no other host over https'
        : undefined),
  governedBy: {
    host: ({ hosts }) => hosts.aliases[0] ?? '',
    directives: ['add_header'],
    about: NAME,
  },
  brokenBy: hstsOnPrimaryAlone,

  async check({ client, contract, facts, evidence, judging }) {
    const [, ...hosts] = secureHosts(contract, facts)
    for (const host of hosts) {
      const answer = await client.http1.request({ host, path: '/' })
      const values = header(answer, 'strict-transport-security')
      evidence(host, `${outcomeOf(answer)}; ${values.join(' | ') || 'none'}`)
      // A connection that is closed unanswered tells nothing.
      if (answer.status === undefined) continue
      judging({ host, path: '/' })
      expect(
        values.length,
        `how many Strict-Transport-Security https://${host}/ sends`,
      ).toBeGreaterThan(0)
    }
  },
})

claim('headers/no-hsts-over-http', {
  level: 'must',
  says: 'No answer over plain HTTP carries Strict-Transport-Security.',
  source: { standard: 'RFC 6797 §7.2' },
  needs: anyOf(noHttps, noPlainHttp),
  governedBy: { path: () => '/', scheme: 'http', directives: ['add_header'], about: NAME },
  brokenBy: hstsOverHttp,

  async check({ client, contract, evidence, judging }) {
    const { login, api } = contract.paths
    const paths = ['/', login, `${api}users`, '/.well-known/acme-challenge/no-such-token']
    const requests = servedHosts(contract).flatMap(host =>
      paths.map(path => ({ scheme: 'http' as const, host, path })),
    )
    const answers = await Promise.all(requests.map(request => client.http1.request(request)))
    for (const [index, request] of requests.entries()) {
      const answer = answers[index]
      const values = answer === undefined ? [] : header(answer, 'strict-transport-security')
      const url = `http://${request.host}${request.path}`
      evidence(url, `${answer?.status ?? answer?.error?.message}; ${values.join(' | ') || 'none'}`)
      judging(request)
      expect(values, `Strict-Transport-Security of ${url}`).toEqual([])
    }
  },
})

/** Whether the configuration sets it anywhere for a host: around its https server, in it, or in a location of it. */
function setsHsts(contract: Contract, facts: PlatformFacts, host: string): boolean {
  const server = secureServer(contract, facts, host)
  if (server === undefined) return false
  return [...(server.http.block ?? []), ...every(server.directive.block ?? [])].some(
    ({ name, args }) =>
      /^(add_header|more_set_headers)$/.test(name) && args.some(each => NAME.test(each)),
  )
}

/** An age that nobody promised is a decision, as long as it is one: 0 switches the policy off. */
function leastAge(contract: Contract): number {
  return promises(contract, 'hstsMaxAgeSeconds') ? contract.limits.hstsMaxAgeSeconds : 1
}

/** `max-age` by RFC 6797 §6.1.1; NaN for a header that is not valid. */
function maxAge(value = ''): number {
  const directives = value.split(';').map(part => part.trim())
  const ages = directives.map(part => /^max-age\s*=\s*"?(\d+)"?$/i.exec(part)?.[1]).filter(Boolean)
  return ages.length === 1 ? Number(ages[0]) : Number.NaN
}
