import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { applicationOnPlain, wrongRedirect } from '../../fixtures/faults/redirects.ts'
import { namedServer, noHttps, noPlainHttp, plainHosts, servedHosts } from '../../fixtures/hosts.ts'
import { anyOf, everyHost } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { redirectHost } from '../../fixtures/platform/discover-hosts.ts'
import { outcomeOf } from '../../fixtures/platform/request-outcome.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

const governedBy = {
  scheme: 'http' as const,
  path: () => '/',
  directives: ['return', 'rewrite', 'proxy_pass', 'root', 'try_files'],
}

/** A path and query of some length, ordinary in every way; odd ones belong to redirects/exact-target. */
const TARGET = '/coaching/sessions/42?view=week&from=2026-01-05'

claim('redirects/http-to-https', {
  level: 'must',
  says: 'Every host on port 80 answers with a permanent redirect to https, same path and query.',
  source: { spec: 'Flow Description 1 (HTTPS requests on port 443)' },
  needs: anyOf(noHttps, noPlainHttp),
  governedBy,
  brokenBy: wrongRedirect,

  async check({ client, contract, facts, evidence, judging }) {
    const plain = plainHosts(contract, facts)
    if (plain.length > 0) evidence('served over plain http alone, on purpose (read)', plain)
    for (const host of servedHosts(contract).filter(each => !plain.includes(each))) {
      const family = standingFor(contract, facts, host)
      for (const path of ['/', TARGET]) {
        const url = `http://${host}${path}`
        const answer = await client.http1.request({ scheme: 'http', host, path })
        const [location = ''] = header(answer, 'location')
        const target = URL.parse(location)
        evidence(url, summary(answer))
        judging({ scheme: 'http', host, path })
        expect([301, 308], `status of ${url}`).toContain(answer.status)
        expect(target?.protocol, `scheme of Location for ${url}`).toBe('https:')
        expect(family, `host of Location for ${url}`).toContain(target?.hostname)
        const kept = `${target?.pathname}${target?.search}`
        expect(kept, `path and query of Location for ${url}`).toBe(path)
      }
    }
  },
})

/**
 * The hosts to which plain http may send a host: names of the primary application stand for each other; another
 * application keeps its own, which are those of its server block and wherever that redirects to.
 */
function standingFor(contract: Contract, facts: PlatformFacts, host: string): string[] {
  const { others } = contract.hosts
  if (!others.includes(host)) return everyHost(contract)
  const own = namedServer(contract, facts, host)
  if (own === undefined) return others
  const leadsTo = redirectHost(outcomeOf(own, { target: '/', host }))
  return others.filter(other => {
    const server = namedServer(contract, facts, other)
    return other === host || server === own || other === leadsTo
  })
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']

claim('redirects/no-application-on-80', {
  level: 'must',
  says: 'No method on port 80 reaches frontend or backend: a login sent there is never forwarded.',
  source: { spec: 'SSL/TLS' },
  needs: anyOf(noHttps, noPlainHttp),
  governedBy,
  brokenBy: applicationOnPlain,

  async check({ client, frontend, backend, contract, facts, nonce, evidence, judging }) {
    const plain = plainHosts(contract, facts)
    const { api, login, stream, static: files } = contract.paths
    const paths = ['/', login, stream, `${api}users`, `${files}app.js`]
    const hosts = servedHosts(contract).filter(host => !plain.includes(host))
    const requests = hosts.flatMap(host =>
      paths
        .filter(path => path !== undefined)
        .flatMap(path => METHODS.map(method => ({ host, path, method, nonce: nonce() }))),
    )
    const ids = new Map(requests.map(request => [request.nonce, request]))
    // All of one claim, so that one look at each stub tells: the query carries what tells them apart.
    const id = nonce()
    await Promise.all(
      requests.map(({ path, nonce: each, ...request }) =>
        client.http1.request({
          ...request,
          scheme: 'http',
          path: `${path}?${each}`,
          body: request.method.startsWith('P') ? '{}' : undefined,
          nonce: id,
        }),
      ),
    )
    // Every answer is in, so whatever was forwarded has arrived.
    const arrived = await Promise.all([frontend.requests(id), backend.requests(id)])
    const forwarded = arrived.flat().map(({ role, target }) => {
      const request = ids.get(target.replace(/^.*\?/, ''))
      if (request !== undefined) judging({ ...request, scheme: 'http' })
      return `${request?.method} http://${request?.host}${request?.path} → ${role}`
    })
    evidence('requests sent over plain HTTP', requests.length)
    if (forwarded.length > 0) evidence('reached the application', forwarded)
    expect(forwarded, 'requests on port 80 that reached the application').toEqual([])
  },
})

function summary(answer: HttpRecord): string {
  const location = header(answer, 'location').join(' | ')
  return answer.status === undefined
    ? (answer.error?.message ?? 'no answer')
    : `${answer.status}${location === '' ? '' : ` → ${location}`}`
}
