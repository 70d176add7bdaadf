import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { noDatabase } from '../../fixtures/needs.ts'

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
    for (const target of [host, ...networks.map(({ address }) => address)]) {
      const [fromEdge, fromFrontend] = await Promise.all([
        engine.dial(topology.edge.id, target, port),
        frontend.dial(target, port),
      ])
      evidence(`connecting to ${target}:${port}`, { fromEdge, fromFrontend })
      expect(fromEdge.reached, `the edge reaches ${target}:${port}`).toBe(false)
      expect(fromFrontend.reached, `the frontend reaches ${target}:${port}`).toBe(false)
    }
  },
})
