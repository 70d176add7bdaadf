import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { databaseInside } from '../../fixtures/faults/database.ts'
import { noDatabase } from '../../fixtures/needs.ts'
import { managedLevel } from '../../fixtures/platform/database-promise.ts'
import { isPostgresServer } from '../../fixtures/platform/postgres-service.ts'

claim('database/outside-the-network', {
  level: managedLevel,
  says: 'The database is not on the container network, and neither edge nor frontend can reach it.',
  source: { spec: 'Managed PostgreSQL; Database Connection' },
  needs: noDatabase,
  hangsOn: ['database.host'],
  governedBy: {
    compose: ({ database, backend }) => ({
      service: database?.service ?? backend.service,
      keys: ['networks', 'image'],
    }),
  },
  brokenBy: databaseInside,

  async check({ engine, frontend, contract, facts, topology, judging, evidence }) {
    const { host, port } = contract.database ?? { host: '', port: 0 }
    const shared = new Set(contract.backend.networks.map(({ name }) => name))
    const inside = (facts.compose?.services ?? []).filter(
      service =>
        (service.name === contract.database?.service || isPostgresServer(service)) &&
        service.networks.some(({ name }) => shared.has(name)),
    )
    evidence(
      'database services of the compose file on the container network',
      inside.map(({ name, at }) => `${name} (${at.file}:${at.line})`),
    )
    if (inside.length > 0)
      judging({
        compose: inside.map(({ name }) => ({ service: name, keys: ['networks', 'image'] })),
      })
    expect(
      inside.map(({ name }) => name),
      'databases on the container network',
    ).toEqual([])
    // Not by address: whether packets pass between two networks of the engine is the engine's doing, and not
    // the platform's. What the platform decides is who shares a network with whom, and which names exist there.
    const [own, edge, front] = await Promise.all(
      [topology.database?.id ?? '', topology.edge.id, topology.frontend.id].map(async id =>
        (await engine.inspect(id)).networks.map(({ name }) => name),
      ),
    )
    evidence('networks, says the engine', { database: own, edge, frontend: front })
    const theirs = [...(edge ?? []), ...(front ?? [])]
    expect(
      own?.filter(name => theirs.includes(name)),
      'networks that the database shares with edge or frontend',
    ).toEqual([])
    const [fromEdge, fromFrontend] = await Promise.all([
      engine.dial(topology.edge.id, host, port),
      frontend.dial(host, port),
    ])
    evidence(`connecting to ${host}:${port}`, { fromEdge, fromFrontend })
    expect(fromEdge.reached, `the edge reaches ${host}:${port}`).toBe(false)
    expect(fromFrontend.reached, `the frontend reaches ${host}:${port}`).toBe(false)
  },
})
