import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { credentialsSpread } from '../../fixtures/faults/database.ts'
import { anyOf, noCompose, noDatabase } from '../../fixtures/needs.ts'
import type { Service } from '../../fixtures/platform/compose.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'

/** A variable by which PostgreSQL's own tools, or its image, take a password. */
const PASSWORD_NAME =
  /^(?:PG|POSTGRES_|POSTGRESQL_|DB_|DATABASE_)(?:\w*_)?PASS(?:WORD|WD)?$|^PGPASSWORD$/i

/** A connection string that lets in whoever holds it. */
const WITH_PASSWORD = /^postgres(?:ql)?(?:\+\w+)?:\/\/[^:@/\s]*:[^@\s]+@/i

/** Shorter ones stand in innocent values by chance. */
const TELLING_LENGTH = 8

claim('database/credentials-only-to-backend', {
  level: 'should',
  says: 'In the compose file no service but the backend receives credentials of the database.',
  source: { spec: 'Flow Description 6 (Database Operations); Database Connection' },
  needs: anyOf(noCompose, noDatabase),
  hangsOn: ['database.host'],
  governedBy: {
    compose: ({ backend, database }) => ({
      service: backend.service,
      keys: [`environment.${database?.variable}`],
    }),
  },
  brokenBy: credentialsSpread,

  async check({ contract, facts, blame, evidence }) {
    const others = (facts.compose?.services ?? []).filter(
      service => !isEntitled(service, contract, facts),
    )
    evidence(
      'services looked at (read from the compose file)',
      others.map(({ name }) => name),
    )
    const leaks = others.flatMap(service =>
      variablesWithCredentials(service, contract).map(variable => ({ service, variable })),
    )
    for (const { service, variable } of leaks) {
      const at = service.positions[`environment.${variable}`] ?? service.at
      blame(at, `environment.${variable}`, `${service.name}: ${variable}`)
    }
    expect(
      leaks.map(({ service, variable }) => `${service.name}: ${variable}`),
      'variables with credentials of the database, outside the backend',
    ).toEqual([])
  },
})

/** The backend, its own image in another duty (migrations, workers), and the server that checks the password. */
function isEntitled(
  service: Service,
  { backend, database }: Contract,
  { compose }: ClaimContext['facts'],
): boolean {
  if (service.name === backend.service || service.name === database?.service) return true
  const own = compose?.services.find(({ name }) => name === backend.service)
  return (
    own !== undefined &&
    ((service.image !== undefined && service.image === own.image) ||
      (service.build !== undefined && service.build === own.build))
  )
}

function variablesWithCredentials(service: Service, { database }: Contract): string[] {
  const password = database?.password ?? ''
  return Object.entries(service.environment)
    .filter(
      ([name, value]) =>
        (PASSWORD_NAME.test(name) && value !== '') ||
        WITH_PASSWORD.test(value) ||
        (password.length >= TELLING_LENGTH && value.includes(password)),
    )
    .map(([name]) => name)
}
