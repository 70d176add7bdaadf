import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { aliasWithoutTls, http2Broken, strangersServed } from '../../fixtures/faults/tls.ts'
import {
  namedServer,
  noHttps,
  noPlainHttp,
  secureHosts,
  secureServer,
} from '../../fixtures/hosts.ts'
import { anyOf } from '../../fixtures/needs.ts'
import { serverByName } from '../../fixtures/platform/nginx/server-names.ts'
import { servers } from '../../fixtures/platform/nginx/servers.ts'

/** A name that no platform serves (RFC 2606). */
const UNKNOWN = 'unknown-host.example'

claim('tls/unknown-name-not-served', {
  level: 'should',
  says: 'A client that names an unknown host, in the handshake or in the request, is not given the application.',
  source: { standard: 'RFC 9110 §7.4 (rejecting misdirected requests)' },
  needs: (contract, facts) =>
    noHttps(contract) ??
    (namedServer(contract, facts, UNKNOWN) === namedServer(contract, facts, contract.hosts.primary)
      ? 'the platform serves any name that it is asked for'
      : undefined),
  governedBy: { host: () => UNKNOWN, directives: ['listen', 'ssl_reject_handshake', 'return'] },
  brokenBy: strangersServed,

  async check(context) {
    const { client, contract, evidence } = context
    const shown = await client.handshake({ sni: UNKNOWN })
    const [name = contract.hosts.primary] = (shown.certificate?.altNames ?? [])
      .filter(each => each.startsWith('DNS:') && !each.includes('*'))
      .map(each => each.slice('DNS:'.length))
    // With whatever certificate it shows to strangers, so that verification is no obstacle.
    const ways = [
      { way: 'named in handshake and request', host: name, sni: UNKNOWN },
      { way: 'named in the request', host: contract.hosts.primary, sni: undefined },
    ]
    for (const { way, host, sni } of ways) {
      const { answer, reached } = await ask(context, host, sni)
      evidence(way, `${answer.status ?? answer.error?.message}; reached: ${reached || 'nobody'}`)
      expect(reached, `whom a request for ${UNKNOWN} reaches, ${way}`).toBe('')
    }
  },
})

async function ask(context: ClaimContext, host: string, sni: string | undefined) {
  const { client, frontend, backend, nonce } = context
  const id = nonce()
  const answer = await client.http1.request({
    host,
    ...(sni !== undefined && { sni }),
    path: '/',
    headers: { host: UNKNOWN },
    nonce: id,
  })
  const passed = await Promise.all([frontend.requests(id), backend.requests(id)])
  const reached = passed.flat().map(({ role }) => role)
  return { answer, reached: reached.join(', ') }
}

claim('tls/each-host-over-tls', {
  level: 'should',
  says: 'Every host that port 80 answers for is given a handshake on 443 too: browsers try https first, whatever port 80 says.',
  source: { spec: 'Flow Description 1 (HTTPS requests on port 443)' },
  needs: anyOf(noHttps, noPlainHttp, (contract, facts) =>
    plainHosts(contract, facts).length === 0 ? 'no other host is named on port 80' : undefined,
  ),
  governedBy: {
    host: ({ hosts }) => hosts.aliases[0] ?? '',
    directives: ['server_name', 'listen', 'ssl_reject_handshake'],
  },
  brokenBy: aliasWithoutTls,

  async check({ client, contract, facts, evidence, judging, blame }) {
    for (const { host, server } of plainHosts(contract, facts)) {
      const { error, certificate } = await client.handshake({ host })
      evidence(host, certificate === undefined ? error?.message : certificate.altNames)
      judging({ host })
      const named = server.directive.block?.find(({ name }) => name === 'server_name')
      if (certificate === undefined && named !== undefined)
        blame(named.at, 'server_name', named.text)
      // A server for all may have a certificate for this name too; which one is deployed, no file tells.
      expect(
        certificate === undefined ? error?.message : undefined,
        `a handshake with ${host}, for which port 80 answers`,
      ).toBeUndefined()
    }
  },
})

/** The names beside the primary host's that a server of port 80 has. */
function plainHosts(
  { hosts, edge }: ClaimContext['contract'],
  { configuration }: ClaimContext['facts'],
) {
  const plain = servers(configuration).filter(({ listens }) =>
    listens.some(({ port, quic }) => port === edge.httpPort && !quic),
  )
  return [...hosts.aliases, ...hosts.others].flatMap(host => {
    const server = serverByName(plain, host)
    return server === undefined ? [] : [{ host, server }]
  })
}

const HTTP2 = 'tls/http2-by-alpn'

claim(HTTP2, {
  level: 'should',
  says: 'HTTP/2 is agreed on where it is configured, by each name of the application if by one, and HTTP/1.1 still works.',
  source: { standard: 'RFC 9113 §3.2; RFC 7301' },
  needs: (contract, facts) =>
    noHttps(contract) ??
    (contract.promises.includes(HTTP2) ||
    secureHosts(contract, facts).some(host => speaksHttp2(contract, facts, host))
      ? undefined
      : 'HTTP/2 is configured nowhere'),
  governedBy: { directives: ['http2', 'listen'], sound: { http2: /^on$/, listen: /\bssl\b/ } },
  brokenBy: http2Broken,

  async check({ client, contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      const [both, old] = await Promise.all([
        client.handshake({ host, alpn: ['h2', 'http/1.1'] }),
        client.handshake({ host, alpn: ['http/1.1'] }),
      ])
      const configured = speaksHttp2(contract, facts, host)
      const chosen = `${both.alpn ?? 'nothing'} of both, ${old.alpn ?? 'nothing'} of HTTP/1.1`
      evidence(`${host}, HTTP/2 ${configured ? 'configured' : 'not configured'}`, chosen)
      judging({ host })
      // A browser that is sent on by an alias should not have to learn anew.
      const { primary, aliases } = contract.hosts
      const own = [primary, ...aliases]
      const expected =
        configured ||
        (own.includes(host) &&
          (contract.promises.includes(HTTP2) ||
            own.some(name => speaksHttp2(contract, facts, name))))
      if (expected) expect(both.alpn, `protocol that ${host} chooses of both`).toBe('h2')
      expect(old.error?.message, `a client of ${host} that speaks HTTP/1.1 only`).toBeUndefined()
    }
    const answers = await Promise.all(client.both.map(probe => probe.request({ path: '/' })))
    const [http1, http2] = answers.map(({ status, error }) => status ?? error?.message)
    evidence(`https://${contract.hosts.primary}/`, `${http1} over HTTP/1.1, ${http2} over HTTP/2`)
    if (speaksHttp2(contract, facts, contract.hosts.primary))
      expect(http2, 'status of / over HTTP/2').toBe(http1)
  },
})

function speaksHttp2(
  contract: ClaimContext['contract'],
  facts: ClaimContext['facts'],
  host: string,
): boolean {
  const listens = secureServer(contract, facts, host)?.listens ?? []
  return listens.some(({ http2, port, quic }) => http2 && !quic && port === contract.edge.httpsPort)
}
