import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { everyHost } from '../../fixtures/needs.ts'

claim('tls/chain-complete', {
  level: 'must',
  says: 'The served chain reaches the root without the client knowing the intermediate.',
  source: { standard: 'RFC 8446 §4.4.2' },
  governedBy: { directives: ['ssl_certificate'] },

  async check({ client, contract, evidence }) {
    for (const host of everyHost(contract)) {
      const shake = await client.handshake({ host, strictChain: true })
      evidence(
        host,
        shake.error ??
          `${shake.sentChain.length} certificates: ${shake.sentChain.map(({ subject }) => subject).join(' ← ')}`,
      )
      expect(shake.error?.message, `a client that knows only the root, at ${host}`).toBeUndefined()
    }
  },
})

claim('tls/each-name-its-certificate', {
  level: 'must',
  says: 'Every served name presents a certificate that is valid for it.',
  source: { spec: 'SSL/TLS; RFC 9525 §6' },
  governedBy: { directives: ['ssl_certificate', 'server_name'] },

  async check({ client, contract, evidence }) {
    for (const host of everyHost(contract)) {
      const shake = await client.handshake({ host })
      evidence(host, { names: shake.certificate?.altNames, error: shake.error })
      expect(shake.error?.message, `the certificate that ${host} presents`).toBeUndefined()
    }
  },
})
