import { posix } from 'node:path'
import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import {
  inexactTarget,
  injected,
  methodLost,
  portCarried,
} from '../../fixtures/faults/redirects.ts'
import { noHttps, noPlainHttp, servedHosts, servedPlaces } from '../../fixtures/hosts.ts'
import { anyOf } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { publishedPorts } from '../../fixtures/platform/published-ports.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'
import { USUAL_ROOTS } from '../../fixtures/usual-roots.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

const governedBy = {
  scheme: 'http' as const,
  path: () => '/',
  directives: ['return', 'rewrite', 'port_in_redirect'],
}

/** Request targets that a redirect easily changes: encoded, empty or doubled parts, and characters of every sort. */
const ODD = [
  '/',
  '/a%2Fb/c%20d?x=%26&y=1+2&z=%C3%A9',
  '/%C3%A9t%C3%A9/%7Euser;v=1,2?next=https%3A%2F%2Fother.example%2F%3Fq%3D1',
  "/a|b'(c)!*$/{d}?e={f}&g=[h]&i=^j",
  '/twice//slashed/?q=//x',
  '/many?a=1&a=2&empty=&flag',
]

claim('redirects/exact-target', {
  level: 'must',
  says: 'The redirect to https leaves query, percent-encoding and odd characters unchanged, doubles no slash and leaks no port.',
  source: { standard: 'RFC 9110 §10.2.2; RFC 3986 §2' },
  restsOn: ['redirects/http-to-https'],
  needs: anyOf(noHttps, noPlainHttp),
  governedBy,
  brokenBy: inexactTarget,

  async check({ client, contract, facts, evidence, judging }) {
    const ports = clientPorts(contract.edge.httpsPort, contract, facts)
    // A browser names the port that it was told in the URL, unless that is 80.
    const named = clientPorts(contract.edge.httpPort, contract, facts).filter(port => port !== '80')
    for (const host of servedHosts(contract)) {
      const asked = [
        ...ODD.map(path => ({ path, headers: {} })),
        ...named.map(port => ({ path: '/with-port', headers: { host: `${host}:${port}` } })),
      ]
      const answers = await Promise.all(
        asked.map(each => client.http1.request({ scheme: 'http', host, ...each })),
      )
      for (const [index, { path }] of asked.entries()) {
        const answer = answers[index]
        // Odd requests may be refused; that ordinary ones are redirected is redirects/http-to-https.
        if (answer === undefined || !isRedirect(answer)) {
          evidence(`http://${host}${path}`, `no redirect: ${answer?.status ?? 'closed'}`)
          continue
        }
        const location = header(answer, 'location').join(' | ')
        evidence(`http://${host}${path}`, location)
        judging({ scheme: 'http', host, path })
        const [, port, rest] = /^https?:\/\/[^/:?#]+(?::(\d+))?(.*)$/s.exec(location) ?? []
        const what = `of Location for http://${host}${path}`
        expect(rest, `path and query ${what}, byte for byte`).toBe(path)
        expect([undefined, '443', ...ports], `port ${what}`).toContain(port)
      }
    }
  },
})

claim('redirects/port-left-out', {
  level: 'should',
  says: 'A client that names port 80, though it goes without saying, is redirected to https without it.',
  source: { standard: 'RFC 9110 §4.2.1, §7.2 (the port in Host)' },
  restsOn: ['redirects/http-to-https'],
  needs: anyOf(noHttps, noPlainHttp),
  governedBy,
  brokenBy: portCarried,

  async check({ client, contract, facts, evidence, judging }) {
    const ports = clientPorts(contract.edge.httpsPort, contract, facts)
    for (const host of servedHosts(contract)) {
      const request = { scheme: 'http' as const, host, path: '/with-port' }
      const answer = await client.http1.request({ ...request, headers: { host: `${host}:80` } })
      const location = header(answer, 'location').join(' | ')
      evidence(
        `http://${host}:80/with-port`,
        location || `no redirect: ${answer.status ?? 'closed'}`,
      )
      if (!isRedirect(answer)) continue
      judging(request)
      const [, port] = /^https?:\/\/[^/:?#]+(?::(\d+))?/.exec(location) ?? []
      expect([undefined, '443', ...ports], `port of Location for Host: ${host}:80`).toContain(port)
    }
  },
})

/** An encoded line end, alone and as a pair, and a raw header behind it, were it ever decoded. */
const INJECTIONS = [
  '%0d%0aX-Injected:%20yes',
  '%0aX-Injected:%20yes',
  'x%0d%0aSet-Cookie:%20x-injected=1%0d%0a%0d%0a<html>',
]

claim('redirects/no-header-injection', {
  level: 'must',
  says: 'An encoded line end in a path puts no header into any redirect.',
  source: { standard: 'RFC 9110 §5.5' },
  governedBy,
  brokenBy: injected,

  async check({ client, contract, facts, evidence, judging }) {
    const { api } = contract.paths
    const bare = api.replace(/\/$/, '')
    const targets = INJECTIONS.flatMap(text => [`/${text}`, `${api}${text}`, `${bare}${text}/`])
    const requests = servedPlaces(contract, facts).flatMap(place =>
      targets.map(path => ({ ...place, path })),
    )
    const answers = await Promise.all(requests.map(request => client.http1.request(request)))
    const injected = requests.filter((request, index) => {
      const headers = answers[index]?.headers ?? []
      const hit = headers.some(([name, value]) => isInjected(name, value))
      if (hit) judging(request)
      return hit
    })
    const redirects = answers.filter(isRedirect).length
    evidence('requests', `${requests.length}, ${redirects} of them redirected`)
    const urls = injected.map(({ scheme, host, path }) => `${scheme}://${host}${path}`)
    expect(urls, 'requests whose path became a header').toEqual([])
  },
})

function isInjected(name: string, value: string): boolean {
  return name === 'x-injected' || (name === 'set-cookie' && value.startsWith('x-injected'))
}

/** What lies where the edge finds it only if nobody said what to do with the API. */
const FILE = 'a file of the edge'

claim('redirects/method-kept', {
  level: 'should',
  says: 'The redirect of an API request keeps its method and body, or the API is refused there: over plain HTTP nothing on the edge’s disk stands in for it.',
  source: { standard: 'RFC 9110 §15.4.9 (308)' },
  needs: noHttps,
  governedBy: { ...governedBy, path: ({ paths }) => paths.login },
  brokenBy: methodLost,

  async check({ client, contract, facts, engine, topology, nonce, evidence, judging }) {
    const path = contract.paths.login
    const stray = `${contract.paths.api}${nonce()}.txt`
    for (const root of USUAL_ROOTS)
      await engine.putFile(topology.edge.id, posix.join(root, stray), FILE)
    for (const place of servedPlaces(contract, facts)) {
      const request = { ...place, path, method: 'POST', body: '{}' }
      const answer = await client.http1.request(request)
      const url = `POST ${place.scheme}://${place.host}${path}`
      evidence(url, answer.status ?? answer.error?.message)
      judging(request)
      if (isRedirect(answer)) expect([307, 308], `status of ${url}`).toContain(answer.status)
      // Over https a site of files alone is served from there.
      if (place.scheme === 'https') continue
      const { body } = await client.http1.request({ ...place, path: stray })
      if (body === FILE) evidence(`http://${place.host}${stray}`, 'a file of the edge')
      judging({ ...place, path: stray, directives: ['return', 'rewrite', 'proxy_pass'] })
      const given = body === FILE ? 'a file of the edge' : 'no file'
      expect(given, `what is given at a path of the API at http://${place.host}`).toBe('no file')
    }
  },
})

function isRedirect({ status }: HttpRecord): boolean {
  return [301, 302, 303, 307, 308].includes(status ?? 0)
}

/** The ports at which clients reach one of the edge's: as the compose file publishes it, else that port itself. */
function clientPorts(own: number, { edge }: Contract, { compose }: PlatformFacts): string[] {
  const published = publishedPorts(compose)
    .filter(each => each.service === edge.service && each.containerPort === own)
    .map(({ hostPort }) => String(hostPort ?? own))
  return published.length === 0 ? [String(own)] : published
}
