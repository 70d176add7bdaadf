import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { sslMode } from '../../fixtures/faults/database.ts'
import { noDatabase } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { databaseLevel } from '../../fixtures/platform/database-promise.ts'

const governedBy = {
  compose: ({ backend, database }: Contract) => ({
    service: backend.service,
    keys: [`environment.${database?.variable}`, 'environment'],
  }),
}

claim('database/encrypted', {
  level: databaseLevel,
  says: 'Every connection of the backend to the database is encrypted with TLS 1.2 or later, says the server.',
  source: { spec: 'Flow Description 6 (Database Operations); Database Connection' },
  needs: noDatabase,
  hangsOn: ['database.host', 'database.sslMode'],
  governedBy,
  brokenBy: [sslMode('disable')],

  async check({ backend, contract, database, evidence }) {
    const own = await backend.database()
    evidence("the backend's connection", own)
    expect(own.connected, `a connection with sslmode=${contract.database?.sslMode}`).toBe(true)
    const { connections, error } = await database.encryption()
    const backends = connections.filter(({ applicationName }) => applicationName === 'backend')
    evidence('seen by the server', error ?? backends)
    expect(backends.length, "the backend's connections, as the server sees them").toBeGreaterThan(0)
    for (const { ssl, version } of backends) {
      expect(ssl, 'encrypted, says the server').toBe(true)
      expect(version, 'version, says the server').toMatch(/^TLSv1\.[23]$/)
    }
  },
})

claim('database/refuses-plain-text', {
  level: databaseLevel,
  says: 'The server refuses an unencrypted connection, and the backend refuses a server that offers no encryption.',
  source: { spec: 'Managed PostgreSQL; Database Connection' },
  restsOn: ['database/encrypted'],
  needs: noDatabase,
  hangsOn: ['database.host', 'database.sslMode'],
  governedBy,
  brokenBy: [sslMode('disable'), sslMode('allow'), sslMode('prefer'), sslMode(undefined)],

  async check({ backend, contract, database, evidence }) {
    const attempt = await database.tryPlainText()
    evidence('an unencrypted attempt at the server', attempt)
    expect(attempt.accepted, 'the server accepted an unencrypted connection').toBe(false)
    const met = await backend.connectDatabase('plain-text')
    evidence(
      `the backend meets a server without encryption (sslmode=${contract.database?.sslMode})`,
      met,
    )
    const did =
      met.wentOn === 'no' ? 'refuses' : `goes on ${met.wentOn}, and tells it user and database`
    expect(did, 'the backend, at a server that offers no encryption').toBe('refuses')
  },
})
