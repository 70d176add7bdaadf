import { generate } from 'selfsigned'
import type { StandInCertificate } from '../protocol.ts'

/** A certificate authority of one test: its root in PEM, and what it signs. */
export interface TestAuthority {
  root: string
  issue(name: string): Promise<StandInCertificate>
}

const KEY = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const

export async function createTestAuthority(label: string): Promise<TestAuthority> {
  const root = await generate([{ name: 'commonName', value: label }], {
    ...KEY,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  })
  return {
    root: root.cert,
    async issue(name) {
      const leaf = await generate([{ name: 'commonName', value: name }], {
        ...KEY,
        ca: { key: root.private, cert: root.cert },
        extensions: [
          { name: 'basicConstraints', cA: false, critical: true },
          { name: 'extKeyUsage', serverAuth: true },
          { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
        ],
      })
      return { key: leaf.private, certificate: leaf.cert }
    },
  }
}
