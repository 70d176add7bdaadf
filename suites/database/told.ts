import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { authorityAway, databaseUntold } from '../../fixtures/faults/database.ts'
import { anyOf, type Need, noCompose, noDatabase, noDiagram } from '../../fixtures/needs.ts'
import type { Mount, Service } from '../../fixtures/platform/compose.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { mountOf } from '../../fixtures/platform/mounts.ts'
import { questionOf } from '../../fixtures/platform/question.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

/** What may tell a service of its database besides its environment, and is not read. */
const OTHER_WAYS = ['env_file', 'secrets', 'configs', 'build'] as const

const untold: Need = (contract, facts) => {
  const service = backendOf(contract, facts)
  if (service === undefined) return 'no service of the compose file is the backend'
  if (contract.database !== undefined) return undefined
  const way = OTHER_WAYS.find(key => service.positions[key] !== undefined)
  if (way !== undefined) return `${service.name} may be told of its database by its ${way}`
  const file = service.mounts.find(({ target }) => !isCertificate(target))
  if (file !== undefined) return `${service.name} may be told of its database in ${file.target}`
  // Set, but in no file; the account of another service says nothing of this one.
  if (questionOf(contract.questions, ['database.host'])) return undefined
  const hidden = Object.entries(service.environment).find(
    ([name, value]) =>
      value.startsWith('made-up-') ||
      (value.includes('made-up-') && /DATABASE|POSTGRES|(?:^|_)(?:DB|PG)/.test(name)),
  )
  return hidden && `${hidden[0]} of ${service.name} is set in no file (--env-file FILE gives it)`
}

const notDrawn: Need = ({ without }, { diagram }) => {
  const roleOf = (id: string) => diagram?.nodes.find(node => node.id === id)?.role
  const isDrawn = diagram?.arrows.some(
    ({ from, to }) => roleOf(from) === 'backend' && roleOf(to) === 'database',
  )
  if (without.database !== undefined) return 'the contract says that there is no database'
  return isDrawn ? undefined : 'the diagram leads from the backend to no database'
}

claim('database/told-to-backend', {
  level: 'must',
  says: 'The backend is told where the database is that the diagram leads it to.',
  source: { spec: 'Flow Description 6 (Database Operations); Network Flow Diagram' },
  needs: anyOf(noCompose, noDiagram, notDrawn, untold),
  hangsOn: ['database.host'],
  governedBy: {
    compose: ({ backend }) => ({ service: backend.service, keys: ['environment'] }),
  },
  brokenBy: databaseUntold,

  async check({ contract, facts, evidence }) {
    const names = Object.keys(backendOf(contract, facts)?.environment ?? {})
    evidence("variables of the backend's environment (read from the compose file)", names)
    expect(
      contract.database === undefined ? 'there is none' : 'there is one',
      "a variable of the backend's environment with the address of a database",
    ).toBe('there is one')
  },
})

claim('database/authority-at-hand', {
  level: 'should',
  says: 'The authority that the connection string names is mounted where it says, and one that is mounted is named.',
  source: { spec: 'Database Connection; PostgreSQL documentation §34.19.1' },
  needs: anyOf(noCompose, noDatabase, noAuthority),
  hangsOn: ['database.host', 'database.sslMode'],
  governedBy: {
    compose: ({ backend, database }) => ({
      service: backend.service,
      keys: [`environment.${database?.variable}`, 'volumes'],
    }),
  },
  brokenBy: authorityAway,

  async check({ contract, facts, blame, evidence }) {
    const service = backendOf(contract, facts)
    const mounts = service?.mounts ?? []
    const { rootCertificate } = contract.database ?? {}
    evidence('sslrootcert of the connection string (read)', rootCertificate ?? 'none')
    const mounted = mounts.filter(({ target }) => isCertificate(target))
    evidence(
      'certificates mounted into the backend (read from the compose file)',
      mounted.map(({ target }) => target),
    )
    const isThere = rootCertificate === undefined || mountOf(rootCertificate, mounts) !== undefined
    // A mount that leads elsewhere may be what was meant for it.
    for (const { at, keys, target } of isThere ? [] : mounted)
      blame(keys?.target ?? at, 'volumes', `${service?.name}: ${target}`)
    const place = service?.positions.volumes ?? service?.at
    if (!isThere && mounted.length === 0 && place !== undefined)
      blame(place, 'volumes', `${service?.name}: ${rootCertificate}`)
    expect(isThere ? undefined : rootCertificate, 'named, and not mounted').toBeUndefined()
    const idle = mounted.filter(each => isForDatabase(each) && !isNamed(each, service))
    for (const { at, target } of idle) blame(at, 'volumes', `${service?.name}: ${target}`)
    expect(
      idle.map(({ target }) => target),
      'authorities of a database that are mounted, and that nothing names',
    ).toEqual([])
  },
})

/** A system's own list of authorities is in its image, and so may be what is built here. */
function noAuthority(...[contract, facts]: Parameters<Need>): string | undefined {
  const { rootCertificate = '', sslMode } = contract.database ?? {}
  const service = backendOf(contract, facts)
  if (service === undefined) return 'no service of the compose file is the backend'
  if (service.build !== undefined) return `the image of ${service.name} may bring authorities along`
  if (/^system$|ca-certificates|ca-bundle|\/cert\.pem$/.test(rootCertificate))
    return "the connection string names the system's own authorities"
  // What is not told is asked.
  if (contract.database?.sslMode === undefined) return undefined
  const isSilent = rootCertificate === '' && !service.mounts.some(isForDatabase)
  return isSilent || !sslMode?.startsWith('verify')
    ? 'the connection string neither names an authority nor is one mounted for it'
    : undefined
}

function backendOf({ backend }: Contract, { compose }: PlatformFacts): Service | undefined {
  return compose?.services.find(({ name }) => name === backend.service)
}

function isCertificate(path: string): boolean {
  return /\.(?:crt|pem|cer|ca)$/i.test(path)
}

/** By what its path says. */
function isForDatabase({ target }: Mount): boolean {
  return (
    isCertificate(target) && /database|postgres|(?:^|[/_.-])(?:db|pg|rds)(?:[/_.-])/i.test(target)
  )
}

/** By whichever variable: other drivers have their own. */
function isNamed({ target }: Mount, service: Service | undefined): boolean {
  return Object.values(service?.environment ?? {}).some(value => value.includes(target))
}
