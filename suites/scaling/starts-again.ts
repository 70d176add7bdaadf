import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { staysDown } from '../../fixtures/faults/compose.ts'
import { anyOf, noCompose } from '../../fixtures/needs.ts'
import type { Service } from '../../fixtures/platform/compose.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { loopOf, startsAgain } from '../../fixtures/renewal-loop.ts'

claim('scaling/starts-again', {
  level: 'should',
  says: 'Whatever serves is started again by itself, after a crash and with its machine.',
  source: { standard: 'CIS Docker Benchmark 5.15; Compose Specification, restart' },
  needs: anyOf(noCompose, startedByUnit),
  governedBy: {
    compose: (contract, { services }) =>
      services
        .filter(service => isServing(service, contract) && !startsAgain(service))
        .map(({ name }) => ({ service: name, keys: ['restart'] })),
  },
  brokenBy: staysDown,

  async check({ contract, facts, blame, evidence }) {
    const serving = (facts.compose?.services ?? []).filter(service => isServing(service, contract))
    evidence(
      'services that serve, and when they are started again (read from the compose file)',
      serving.map(({ name, restart }) => `${name}: ${restart ?? 'never'}`),
    )
    const down = serving.filter(service => !startsAgain(service))
    for (const { name, positions, at } of down)
      blame(positions.restart ?? at, positions.restart ? 'restart' : name, `${name}: restart`)
    expect(
      down.map(({ name }) => name),
      'services that stay down',
    ).toEqual([])
  },
})

/** What becomes of services that systemd starts is for their unit to say, and cannot be read from the compose file. */
function startedByUnit({ startedAt }: Contract): string | undefined {
  return startedAt && `systemd starts the services, by ${startedAt.file}:${startedAt.line}`
}

/** A service with a role, and one that repeats something by itself. Others may well be there to end. */
function isServing({ name, command }: Service, contract: Contract): boolean {
  const { edge, frontend, backend, database, redis } = contract
  const roles = [edge, frontend, backend, database, redis?.server].map(each => each?.service)
  return roles.includes(name) || loopOf(command ?? '').repeats
}
