import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { legacyOffered, older, versionMissing } from '../../fixtures/faults/tls.ts'
import { noHttps, secureHosts, secureServer } from '../../fixtures/hosts.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import type { Directive } from '../../fixtures/platform/nginx/tree.ts'
import { promisedVersions } from '../../fixtures/tls-versions.ts'

claim('tls/speaks-1.2-and-1.3', {
  level: 'must',
  says: 'Each served host completes a TLS 1.2 and a TLS 1.3 handshake, verified by its own name.',
  source: { spec: 'Flow Description 1 (HTTPS on port 443); SSL/TLS; RFC 9325 §3.1.1' },
  arrivesBy: ['tls/each-name-its-certificate'],
  needs: noHttps,
  governedBy: { directives: ['ssl_protocols', 'ssl_ciphers', 'ssl_certificate'] },
  brokenBy: versionMissing,

  async check({ client, contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      for (const version of promisedVersions(contract, facts, host)) {
        const shake = await client.handshake({ host, minVersion: version, maxVersion: version })
        evidence(`${host} ${version}`, shake.error ?? `${shake.version} ${shake.cipher}`)
        judging({
          host,
          sound: { ssl_protocols: new RegExp(version) },
          // A certificate of another name ends the handshake in any version.
          lost: shake.error?.code === 'ERR_TLS_CERT_ALTNAME_INVALID',
        })
        expect(shake.error?.message, `${version} handshake with ${host}`).toBeUndefined()
        expect(shake.version, `version spoken with ${host}`).toBe(version)
      }
    }
  },
})

claim('tls/prefers-1.3', {
  level: 'should',
  says: 'A client that offers TLS 1.2 and 1.3 gets 1.3.',
  source: { standard: 'RFC 9325 §3.1.1' },
  needs: noHttps,
  governedBy: { directives: ['ssl_protocols'], sound: { ssl_protocols: /TLSv1\.3/ } },
  brokenBy: older,

  async check({ client, contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      const shake = await client.handshake({ host, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' })
      evidence(host, shake.version ?? shake.error)
      judging({ host })
      expect(shake.version, `version that ${host} chooses`).toBe('TLSv1.3')
    }
  },
})

/** What no server may offer any more (RFC 8996). */
const LEGACY = ['SSLv3', 'TLSv1', 'TLSv1.1'] as const

claim('tls/refuses-legacy', {
  level: 'must',
  says: 'SSLv3, TLS 1.0 and TLS 1.1 are refused on every host.',
  source: { spec: 'SSL/TLS; RFC 8996, RFC 9325 §3.1.1' },
  needs: noHttps,
  governedBy: { directives: ['ssl_protocols'] },
  brokenBy: legacyOffered,

  async check(context) {
    const { contract, facts, evidence, judging } = context
    for (const host of secureHosts(contract, facts)) {
      const answers = await Promise.all(LEGACY.map(version => offer(context, host, version)))
      for (const { version, verdict, said } of answers) {
        evidence(`${host} ${version}`, `${verdict} (${said})`)
        judging({ host })
        expect(verdict, `${version} on ${host}`).toBe('not offered')
      }
    }
  },
})

async function offer(context: ClaimContext, host: string, version: (typeof LEGACY)[number]) {
  const answer = await context.client.hello({ version, servername: host })
  const spoken = answer.answered === 'server-hello' && answer.version === version
  // A library may refuse at its own security level what the configuration offers, with the same alerts as for a
  // version that is not offered at all. Another build of the same nginx would accept it, so the files are read too.
  const offered = configured(context, host).find(({ args }) => args.includes(version))
  const verdict = spoken
    ? 'offered and spoken'
    : offered !== undefined || answer.alert?.code === 80
      ? 'offered but unusable on this build'
      : 'not offered'
  const reply =
    answer.alert === undefined ? answer.answered : `alert ${answer.alert.code} ${answer.alert.name}`
  const line =
    offered === undefined ? '' : `; ${offered.at.file}:${offered.at.line} ${offered.text}`
  return { version, verdict, said: `${reply}${line}` }
}

/**
 * The `ssl_protocols` in force for a host: its server's own, and those of the default server on its port, which
 * decide for all others before nginx 1.29.2.
 */
function configured({ contract, facts }: ClaimContext, host: string): Directive[] {
  return [host, ''].flatMap(name => {
    const server = secureServer(contract, facts, name)
    return server === undefined ? [] : effective(server, 'ssl_protocols').directives
  })
}
