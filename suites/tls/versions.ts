import { expect } from 'vitest'
import { all, broken, everywhere, inServer } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { aliasHost } from '../../fixtures/faults/ways.ts'
import { everyHost } from '../../fixtures/needs.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { serverFor } from '../../fixtures/platform/nginx/servers.ts'

claim('tls/speaks-1.2-and-1.3', {
  level: 'must',
  says: 'Each served host completes a TLS 1.2 and a TLS 1.3 handshake, verified by its own name.',
  source: { spec: 'Flow Description 1 (HTTPS on port 443); SSL/TLS; RFC 9325 §3.1.1' },
  governedBy: { directives: ['ssl_protocols', 'ssl_ciphers', 'ssl_certificate'] },
  brokenBy: [
    broken('only TLS 1.2', everywhere('ssl_protocols').set('TLSv1.2')),
    broken('only TLS 1.3', everywhere('ssl_protocols').set('TLSv1.3')),
    broken(
      'suites for RSA alone, with an ECDSA certificate',
      everywhere('ssl_ciphers').set('ECDHE-RSA-AES128-GCM-SHA256'),
    ),
  ],

  async check({ client, contract, evidence }) {
    const versions =
      contract.limits.tlsFloor === 'TLSv1.3'
        ? (['TLSv1.3'] as const)
        : (['TLSv1.2', 'TLSv1.3'] as const)
    for (const host of everyHost(contract)) {
      for (const version of versions) {
        const shake = await client.handshake({ host, minVersion: version, maxVersion: version })
        evidence(`${host} ${version}`, shake.error ?? `${shake.version} ${shake.cipher}`)
        expect(shake.error?.message, `${version} handshake with ${host}`).toBeUndefined()
        expect(shake.version, `version spoken with ${host}`).toBe(version)
      }
    }
  },
})

/** What no server may offer any more (RFC 8996). */
const LEGACY = ['SSLv3', 'TLSv1', 'TLSv1.1'] as const

claim('tls/refuses-legacy', {
  level: 'must',
  says: 'SSLv3, TLS 1.0 and TLS 1.1 are refused on every host.',
  source: { spec: 'SSL/TLS; RFC 8996, RFC 9325 §3.1.1' },
  governedBy: { directives: ['ssl_protocols'] },
  brokenBy: [
    broken('TLS 1.1 offered', everywhere('ssl_protocols').set('TLSv1.1 TLSv1.2 TLSv1.3')),
    broken(
      'TLS 1.0 and 1.1 offered, and usable',
      all(
        everywhere('ssl_protocols').set('TLSv1 TLSv1.1 TLSv1.2 TLSv1.3'),
        everywhere('ssl_ciphers').set('DEFAULT:@SECLEVEL=0'),
      ),
    ),
    broken(
      'TLS 1.1 offered by an alias alone',
      inServer({ host: aliasHost }).set('ssl_protocols', 'TLSv1.1 TLSv1.2 TLSv1.3'),
    ),
  ],

  async check(context) {
    for (const host of everyHost(context.contract)) {
      for (const version of LEGACY) await refuses(context, host, version)
    }
  },
})

async function refuses(
  { client, contract, facts, evidence }: ClaimContext,
  host: string,
  version: (typeof LEGACY)[number],
): Promise<void> {
  const answer = await client.hello({ version, servername: host })
  const spoken = answer.answered === 'server-hello' && answer.version === version
  // A library may refuse at its own security level what the configuration offers: alert 80, or a handshake
  // failure for want of a usable suite. Another build of the same nginx would accept it.
  const offered = configured(facts, contract.edge.httpsPort, host).find(({ args }) =>
    args.includes(version),
  )
  const verdict = spoken
    ? 'offered and spoken'
    : offered !== undefined || answer.alert?.code === 80
      ? 'offered but unusable on this build'
      : 'not offered'
  const said =
    answer.alert === undefined ? answer.answered : `alert ${answer.alert.code} ${answer.alert.name}`
  const line =
    offered === undefined ? '' : `; ${offered.at.file}:${offered.at.line} ${offered.text}`
  evidence(`${host} ${version}`, `${verdict} (${said}${line})`)
  expect(verdict, `${version} on ${host}`).toBe('not offered')
}

/** The `ssl_protocols` in force for a host: the server's own, and that of the default server on its port. */
function configured({ configuration }: ClaimContext['facts'], port: number, host: string) {
  const server = serverFor(configuration, { port, host })
  return server === undefined ? [] : effective(server, 'ssl_protocols').directives
}
