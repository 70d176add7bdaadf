import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { authorityUnchecked, nameUnchecked } from '../../fixtures/faults/database.ts'
import { noDatabase } from '../../fixtures/needs.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { databaseLevel } from '../../fixtures/platform/database-promise.ts'
import type { DatabaseServer } from '../../stubs/protocol.ts'

const governedBy = {
  compose: ({ backend, database }: Contract) => ({
    service: backend.service,
    keys: [`environment.${database?.variable}`, 'environment'],
  }),
}

/** `require` verifies nothing. Who promises no more than that has it as advice; who merely does it, has not promised it. */
const level = (contract: Contract) =>
  contract.database?.promisedMode === 'require' ? 'should' : databaseLevel(contract)

claim('database/verifies-authority', {
  level,
  says: "With the platform's own connection string, the backend refuses a server whose certificate comes from another authority.",
  source: { spec: 'Database Connection; PostgreSQL documentation §34.19.1' },
  needs: noDatabase,
  hangsOn: ['database.host', 'database.sslMode'],
  governedBy,
  brokenBy: authorityUnchecked,

  async check(context) {
    const { engine, contract } = context
    const impostor = await engine.certify(contract.database?.host ?? '', false)
    await refuses(context, 'other-authority', impostor)
  },
})

claim('database/verifies-name', {
  level,
  says: "With the platform's own connection string, the backend refuses a server whose certificate carries another name.",
  source: { spec: 'Database Connection; PostgreSQL documentation §34.19.1' },
  needs: noDatabase,
  hangsOn: ['database.host', 'database.sslMode'],
  governedBy,
  brokenBy: nameUnchecked,

  async check(context) {
    const namesake = await context.engine.certify('another-customer.database.example', true)
    await refuses(context, 'other-name', namesake)
  },
})

async function refuses(
  { backend, contract, evidence, judging }: ClaimContext,
  server: Extract<DatabaseServer, 'other-authority' | 'other-name'>,
  certificate: { key: string; certificate: string },
): Promise<void> {
  const { sslMode } = contract.database ?? {}
  // A string that reaches nobody refuses everybody: that would prove nothing.
  const real = await backend.connectDatabase('platform')
  evidence(`the backend meets its own server (sslmode=${sslMode})`, real)
  judging({ lost: !real.connected })
  expect(real.connected, 'the backend connects to its own server').toBe(true)
  const met = await backend.connectDatabase(server, certificate)
  evidence(`the backend meets a server with ${server.replace('-', ' ')} (sslmode=${sslMode})`, met)
  judging({})
  const part = server === 'other-name' ? 'carries another name' : 'comes from another authority'
  const did =
    met.wentOn === 'no' ? 'refuses' : `goes on ${met.wentOn}, and tells it user and database`
  expect(did, `the backend, at a server whose certificate ${part}`).toBe('refuses')
}
