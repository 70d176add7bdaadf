import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { twoBackends } from '../../fixtures/faults/compose.ts'
import { promisesLimit } from '../../fixtures/needs.ts'

claim('scaling/single-backend', {
  // That streams are tracked in memory is the specification's; another platform may well have several on purpose.
  level: (contract, facts) =>
    promisesLimit(contract, facts, 'backendInstances') ? 'must' : 'should',
  says: 'There is one backend instance, since event streams are tracked in its memory.',
  source: { spec: 'Scaling Limitation' },
  needs: ({ fanout }) =>
    fanout === 'redis'
      ? 'the contract says that events pass between instances (sse.fanout: redis)'
      : undefined,
  governedBy: {
    compose: ({ backend }) => ({ service: backend.service, keys: ['deploy.replicas', 'scale'] }),
  },
  brokenBy: twoBackends,

  async check({ contract, facts, evidence }) {
    const most = contract.limits.backendInstances
    const { backend } = contract
    const service = facts.compose?.services.find(({ name }) => name === backend.service)
    evidence(
      'replicas in the compose file (read, not measured)',
      service?.replicas ?? 'no compose file',
    )
    expect(service?.replicas ?? 1, `replicas of ${backend.service}`).toBeLessThanOrEqual(most)

    // Another service that answers to one of the backend's names is another instance behind it.
    const twins = (facts.compose?.services ?? []).filter(
      each =>
        each.name !== backend.service &&
        each.networks.some(({ aliases }) => aliases.some(alias => backend.names.includes(alias))),
    )
    evidence(
      'services that answer to the same names',
      twins.map(({ name }) => name),
    )
    expect(twins.length + 1, 'services behind the name').toBeLessThanOrEqual(most)

    const upstreams = facts.configuration.directives
      .filter(({ name }) => name === 'http')
      .flatMap(({ block }) => block ?? [])
      .filter(({ name }) => name === 'upstream')
      .map(({ args, block = [], at }) => ({
        name: args[0] ?? '',
        at,
        // A `down` server gets no requests, a `backup` only what the others cannot take: neither is a second instance.
        servers: block
          .filter(
            ({ name, args: [, ...flags] }) =>
              name === 'server' && !flags.includes('down') && !flags.includes('backup'),
          )
          .map(({ args: [address = ''] }) => address),
      }))
      .filter(({ servers: list }) =>
        list.some(address => backend.names.includes(address.replace(/:\d+$/, ''))),
      )
    evidence(
      'upstreams that hold the backend (read, not measured)',
      upstreams.map(({ name, servers: list }) => `${name}: ${list.join(' ')}`),
    )
    for (const upstream of upstreams)
      expect(
        upstream.servers.length,
        `servers of the upstream ${upstream.name}`,
      ).toBeLessThanOrEqual(most)
  },
})
