import { expect } from 'vitest'
import {
  addLocation,
  broken,
  inForce,
  inHttp,
  inLocation,
  inServer,
} from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import { aliasHost, anyPage, passTo } from '../../fixtures/faults/ways.ts'
import { everyHost } from '../../fixtures/needs.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'

const governedBy = {
  scheme: 'http' as const,
  path: () => '/',
  directives: ['return', 'rewrite', 'proxy_pass', 'root', 'try_files'],
}

const plain = { scheme: 'http' as const }
const redirect = inForce('return', { ...plain, path: anyPage })

/** A path and query of some length, ordinary in every way; odd ones belong to another claim. */
const TARGET = '/coaching/sessions/42?view=week&from=2026-01-05'

claim('redirects/http-to-https', {
  level: 'must',
  says: 'Every host on port 80 answers with a permanent redirect to https, same path and query.',
  source: { spec: 'Flow Description 1 (HTTPS requests on port 443)' },
  governedBy,
  brokenBy: [
    broken(
      'a temporary redirect',
      redirect.rewrite(text => text.replace(/30[18]/, '302')),
    ),
    broken(
      'the query lost',
      redirect.rewrite(text => text.replace('$request_uri', '$uri')),
    ),
    broken(
      'the path lost',
      redirect.rewrite(text => text.replace('$request_uri', '/')),
    ),
    broken(
      'to http again',
      redirect.rewrite(text => text.replace('https://', 'http://')),
    ),
    broken(
      'to a foreign host',
      redirect.rewrite(text =>
        text.replace(/https:\/\/[^$/]*(\$(?!request_uri)\w+)?/, 'https://elsewhere.example'),
      ),
    ),
    broken('no server for the primary host', inServer(plain).remove()),
    broken(
      'an alias that answers by itself',
      // The first of several servers with a name is the one that has it.
      inHttp().add(({ contract }) => {
        const name = aliasHost(contract) ?? ''
        return `server { listen ${contract.edge.httpPort}; server_name ${name}; return 204; }`
      }),
    ),
  ],

  async check({ client, contract, evidence }) {
    for (const host of everyHost(contract)) {
      for (const path of ['/', TARGET]) {
        const answer = await client.http1.request({ scheme: 'http', host, path })
        evidence(`http://${host}${path}`, summary(answer))
        expect([301, 308], `status of http://${host}${path}`).toContain(answer.status)
        const [location = ''] = header(answer, 'location')
        const target = URL.parse(location)
        expect(target?.protocol, `scheme of Location for http://${host}${path}`).toBe('https:')
        expect(everyHost(contract), `host of Location for http://${host}${path}`).toContain(
          target?.hostname,
        )
        expect(
          `${target?.pathname}${target?.search}`,
          `path and query of Location for http://${host}${path}`,
        ).toBe(path)
      }
    }
  },
})

claim('redirects/no-application-on-80', {
  level: 'must',
  says: 'No method on port 80 reaches frontend or backend: a login sent there is never forwarded.',
  source: { spec: 'SSL/TLS' },
  governedBy,
  brokenBy: [
    broken('pages over plain HTTP', inLocation(anyPage, plain).holds(passTo('frontend'))),
    broken(
      'login over plain HTTP',
      addLocation(({ contract }) => `= ${contract.paths.login}`, passTo('frontend'), plain),
    ),
    broken(
      'the API of an alias over plain HTTP',
      addLocation(({ contract }) => `= ${contract.paths.api}users`, passTo('backend'), {
        ...plain,
        host: aliasHost,
      }),
    ),
  ],

  async check({ client, frontend, backend, contract, nonce, evidence }) {
    const targets = [
      '/',
      contract.paths.login,
      contract.paths.stream,
      `${contract.paths.api}users`,
      `${contract.paths.static}app.js`,
    ]
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']
    const requests = everyHost(contract).flatMap(host =>
      targets
        .filter(path => path !== undefined)
        .flatMap(path => methods.map(method => ({ host, path, method, id: nonce() }))),
    )
    const answers = await Promise.all(
      requests.map(async request => ({
        ...request,
        answer: await client.http1.request({
          scheme: 'http',
          host: request.host,
          path: request.path,
          method: request.method,
          body: request.method.startsWith('P') ? '{}' : undefined,
          nonce: request.id,
        }),
      })),
    )
    // Every answer is in, so whatever was forwarded has arrived.
    const forwarded: string[] = []
    for (const { host, path, method, id, answer } of answers) {
      const arrived = [...(await frontend.requests(id)), ...(await backend.requests(id))]
      if (arrived.length > 0)
        forwarded.push(
          `${method} http://${host}${path} → ${arrived.map(({ role }) => role).join(', ')} (${answer.status})`,
        )
    }
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
