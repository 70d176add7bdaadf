import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { Client } from '../../fixtures/client.ts'
import { chainBroken, oneKeyType, wrongCertificate } from '../../fixtures/faults/tls.ts'
import { noHttps, secureHosts } from '../../fixtures/hosts.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'

claim('tls/chain-complete', {
  level: 'must',
  says: 'The served chain reaches the root without the client knowing the intermediate.',
  source: { standard: 'RFC 8446 §4.4.2' },
  restsOn: ['tls/each-name-its-certificate'],
  needs: noHttps,
  governedBy: { directives: ['ssl_certificate'] },
  brokenBy: chainBroken,

  async check({ client, contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      const shake = await client.handshake({ host, strictChain: true })
      const chain = shake.sentChain.map(({ subject }) => subject).join(' ← ')
      evidence(host, shake.error ?? `${shake.sentChain.length} certificates: ${chain}`)
      judging({ host })
      expect(shake.error?.message, `a client that knows only the root, at ${host}`).toBeUndefined()
    }
  },
})

claim('tls/each-name-its-certificate', {
  level: 'must',
  says: 'Every served name presents a certificate that is valid for it.',
  source: { spec: 'SSL/TLS; RFC 9525 §6' },
  needs: noHttps,
  governedBy: { directives: ['ssl_certificate', 'server_name'] },
  brokenBy: wrongCertificate,

  async check({ client, contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      const shake = await client.handshake({ host })
      evidence(host, { names: shake.certificate?.altNames, error: shake.error })
      judging({ host })
      expect(shake.error?.message, `the certificate that ${host} presents`).toBeUndefined()
    }
  },
})

claim('tls/rsa-and-ecdsa', {
  level: 'should',
  says: 'Every host serves TLS 1.2 and 1.3 whether its certificate is RSA or ECDSA.',
  source: { standard: 'RFC 9325 §4.2' },
  needs: noHttps,
  governedBy: { directives: ['ssl_ciphers', 'ssl_conf_command'] },
  brokenBy: oneKeyType,

  async check({ client, contract, facts, ownEdge, evidence, judging }) {
    const own = (await client.handshake()).certificate?.keyType
    const other = own === 'rsa' ? 'ec' : 'rsa'
    const twin = await ownEdge({}, { keyType: other })
    for (const host of secureHosts(contract, facts)) {
      const [usual, changed] = await Promise.all([
        spoken(client, contract, host),
        spoken(twin.client, contract, host),
      ])
      evidence(`${host}, key type ${own}`, usual.join(', ') || 'nothing')
      evidence(`${host}, key type ${other}`, changed.join(', ') || 'nothing')
      judging({ host })
      // A version that is not spoken with either is the affair of tls/speaks-1.2-and-1.3.
      for (const [type, there, here] of [
        [other, usual, changed],
        [own, changed, usual],
      ] as const) {
        const lost = there.filter(version => !here.includes(version))
        expect(lost, `versions that ${host} loses with a certificate of type ${type}`).toEqual([])
      }
    }
  },
})

/** The versions, of those promised, in which a handshake with a host succeeds. */
async function spoken(client: Client, { limits }: Contract, host: string): Promise<string[]> {
  const versions = limits.tlsFloor === 'TLSv1.3' ? ['TLSv1.3'] : ['TLSv1.2', 'TLSv1.3']
  const shakes = await Promise.all(
    (versions as ('TLSv1.2' | 'TLSv1.3')[]).map(version =>
      client.handshake({ host, minVersion: version, maxVersion: version }),
    ),
  )
  return versions.filter((_, index) => shakes[index]?.ok)
}
