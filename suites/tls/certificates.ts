import { expect } from 'vitest'
import { all, broken, everywhere, inForce } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import { aliasHost, foreignPair } from '../../fixtures/faults/ways.ts'
import { everyHost } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'

const leafAlone = (text: string) => text.replace(/fullchain(\d*\.pem)/, 'cert$1')

const primaryHost = ({ hosts }: Contract) => hosts.primary

/** Another host's certificate and key in a server. */
function shows(host: (contract: Contract) => string | undefined) {
  const pair = foreignPair(host)
  return all(
    inForce('ssl_certificate', { host }).set(sources => pair(sources).certificate),
    inForce('ssl_certificate_key', { host }).set(sources => pair(sources).key),
  )
}

claim('tls/chain-complete', {
  level: 'must',
  says: 'The served chain reaches the root without the client knowing the intermediate.',
  source: { standard: 'RFC 8446 §4.4.2' },
  governedBy: { directives: ['ssl_certificate'] },
  brokenBy: [
    broken('cert.pem in place of fullchain.pem', everywhere('ssl_certificate').rewrite(leafAlone)),
    broken(
      'cert.pem on an alias alone',
      inForce('ssl_certificate', { host: aliasHost }).rewrite(leafAlone),
    ),
  ],

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
  brokenBy: [
    broken("another host's certificate", shows(primaryHost)),
    broken("another host's certificate on an alias", shows(aliasHost)),
  ],

  async check({ client, contract, evidence }) {
    for (const host of everyHost(contract)) {
      const shake = await client.handshake({ host })
      evidence(host, { names: shake.certificate?.altNames, error: shake.error })
      expect(shake.error?.message, `the certificate that ${host} presents`).toBeUndefined()
    }
  },
})
