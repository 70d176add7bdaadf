import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { wrongNetworks } from '../../fixtures/faults/compose.ts'
import { anyOf, noCompose, noEdgeService } from '../../fixtures/needs.ts'

claim('isolation/one-network', {
  level: 'must',
  says: 'Edge, frontend and backend share one network, and a client reaches only the edge.',
  source: { spec: 'Digital Ocean Droplet' },
  needs: anyOf(noCompose, noEdgeService),
  governedBy: {
    compose: ({ backend }) => ({
      service: backend.service,
      keys: ['networks', 'ports', 'network_mode'],
    }),
  },
  brokenBy: wrongNetworks,

  async check({ contract, engine, facts, topology, evidence }) {
    const { edge, frontend, backend } = contract
    const on = (role: typeof edge | typeof frontend) => role.networks.map(({ name }) => name)
    evidence('networks in the compose file', {
      edge: on(edge),
      frontend: on(frontend),
      backend: on(backend),
    })
    const shared = on(edge).filter(
      name => on(frontend).includes(name) && on(backend).includes(name),
    )
    expect(shared, 'networks that all three are on').not.toEqual([])

    const sights = await Promise.all(
      (['edge', 'frontend', 'backend'] as const).map(async role => ({
        role,
        networks: (await engine.inspect(topology[role].id)).networks.map(({ name }) => name),
      })),
    )
    evidence('networks, says the engine', sights)
    const engineNames = shared.map(name => topology.networks[name])
    for (const { role, networks } of sights)
      expect(networks, `networks of the ${role}, says the engine`).toEqual(
        expect.arrayContaining(engineNames),
      )

    const hostMode = (facts.compose?.services ?? []).filter(
      ({ name, networkMode }) =>
        networkMode === 'host' && [frontend.service, backend.service].includes(name),
    )
    expect(
      hostMode.map(({ name }) => name),
      'services on the network of the host',
    ).toEqual([])
    const reachable = (['frontend', 'backend'] as const).flatMap(role =>
      Object.keys(topology[role].published).map(port => `${role}:${port}`),
    )
    expect(reachable, 'what a client reaches besides the edge').toEqual([])
  },
})
