import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { databaseInside } from '../../fixtures/faults/database.ts'
import { noDatabase } from '../../fixtures/needs.ts'
import type { DialRecord } from '../../stubs/protocol.ts'

/** Images whose service is a PostgreSQL, whatever it is called. */
const POSTGRES = /(?:^|\/)(?:postgres|postgresql|postgis|pgvector|timescaledb)(?:[:@]|$)/i

claim('database/outside-the-network', {
  level: 'must',
  says: 'The database is not on the container network, and neither edge nor frontend can reach it.',
  source: { spec: 'Database Connection' },
  needs: noDatabase,
  governedBy: {
    compose: ({ database, backend }) => ({
      service: database?.service ?? backend.service,
      keys: ['networks', 'image'],
    }),
  },
  brokenBy: databaseInside,

  async check({ engine, frontend, contract, facts, topology, evidence }) {
    const { host, port } = contract.database ?? { host: '', port: 0 }
    const shared = new Set(contract.backend.networks.map(({ name }) => name))
    const inside = (facts.compose?.services ?? []).filter(
      service =>
        (service.name === contract.database?.service || POSTGRES.test(service.image ?? '')) &&
        service.networks.some(({ name }) => shared.has(name)),
    )
    evidence(
      'database services of the compose file on the container network',
      inside.map(({ name, at }) => `${name} (${at.file}:${at.line})`),
    )
    expect(
      inside.map(({ name }) => name),
      'databases on the container network',
    ).toEqual([])
    const { networks } = await engine.inspect(topology.database?.id ?? '')
    const targets = [host, ...networks.map(({ address }) => address)]
    const dials = await Promise.all(
      targets.map(async target => ({
        target: `${target}:${port}`,
        ...(await reachedFrom(
          engine.dial(topology.edge.id, target, port),
          frontend.dial(target, port),
        )),
      })),
    )
    for (const { target, ...from } of dials) {
      evidence(`connecting to ${target}`, from)
      expect(from.edge.reached, `the edge reaches ${target}`).toBe(false)
      expect(from.frontend.reached, `the frontend reaches ${target}`).toBe(false)
    }
  },
})

async function reachedFrom(edge: Promise<DialRecord>, frontend: Promise<DialRecord>) {
  const [fromEdge, fromFrontend] = await Promise.all([edge, frontend])
  return { edge: fromEdge, frontend: fromFrontend }
}
