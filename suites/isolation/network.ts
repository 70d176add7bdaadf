import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { wrongNetworks } from '../../fixtures/faults/compose.ts'
import { anyOf, noCompose, noEdgeService } from '../../fixtures/needs.ts'

claim('isolation/one-network', {
  // One network for all is the specification's picture; another platform may well keep its services apart.
  level: (_, { diagram }) => (diagram === undefined ? 'should' : 'must'),
  says: 'Edge, frontend and backend share one network, and a client reaches only the edge.',
  source: { spec: 'Digital Ocean Droplet' },
  needs: anyOf(noCompose, noEdgeService, ({ frontend, backend }) =>
    frontend.service === undefined && backend.service === undefined
      ? 'the compose file runs neither frontend nor backend'
      : undefined,
  ),
  governedBy: {
    compose: ({ backend }) => ({
      service: backend.service,
      keys: ['networks', 'ports', 'network_mode'],
    }),
  },
  brokenBy: wrongNetworks,

  async check({ contract, engine, facts, topology, judging, evidence }) {
    const { edge, frontend, backend } = contract
    // What compose does not run is on no network of compose.
    const roles = (['edge', 'frontend', 'backend'] as const).filter(
      role => contract[role].service !== undefined,
    )
    const on = roles.map(role => ({
      role,
      networks: contract[role].networks.map(({ name }) => name),
    }))
    evidence('networks in the compose file', on)
    const shared = edge.networks
      .map(({ name }) => name)
      .filter(name => on.every(({ networks }) => networks.includes(name)))
    const usual = on
      .flatMap(({ networks }) => networks)
      .toSorted((a, b) => countOf(on, b) - countOf(on, a))[0]
    const apart = on.filter(({ networks }) => usual === undefined || !networks.includes(usual))
    judging({
      compose: apart.map(({ role }) => ({
        service: contract[role].service,
        keys: ['networks', 'network_mode'],
      })),
    })
    expect(shared.length, `how many networks ${roles.join(', ')} are all on`).toBeGreaterThan(0)

    const sights = await Promise.all(
      roles.map(async role => ({
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

    judging({
      compose: [frontend, backend].map(({ service }) => ({
        service,
        keys: ['network_mode', 'ports', 'networks'],
      })),
    })
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

/** How many of these are on a network. */
function countOf(on: readonly { networks: string[] }[], network: string): number {
  return on.filter(({ networks }) => networks.includes(network)).length
}
