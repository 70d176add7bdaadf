import { expect } from 'vitest'
import { gather, heardBefore } from '../../fixtures/audience.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { twoBackends } from '../../fixtures/faults/compose.ts'
import { instancesOf } from '../../fixtures/instances.ts'
import { noStream, promisedLevel, streamPath } from '../../fixtures/needs.ts'
import { inTime, patience } from '../../fixtures/patience.ts'

/** What is lost between four is lost between forty. */
const MOST_STARTED = 4

claim('scaling/single-backend', {
  // That streams are tracked in memory is the specification's; another platform may well have several on purpose.
  level: promisedLevel('backendInstances'),
  says: 'There is one backend instance, since event streams are tracked in its memory.',
  source: { spec: 'Scaling Limitation' },
  needs: ({ fanout }) =>
    fanout === 'redis'
      ? 'the contract says that events pass between instances (sse.fanout: redis)'
      : undefined,
  governedBy: {
    compose: ({ backend }) => ({ service: backend.service, keys: ['deploy.replicas', 'scale'] }),
    limit: 'backendInstances',
  },
  brokenBy: twoBackends,

  async check(context) {
    const { contract, facts, evidence, blame } = context
    const allowed = contract.limits.backendInstances
    const { backend } = contract
    const { replicas, twins, upstreams, most } = instancesOf(context)
    evidence('replicas in the compose file (read, not measured)', replicas ?? 'no compose file')
    evidence('services that answer to the same names', twins)
    evidence(
      'upstreams that hold the backend (read, not measured)',
      upstreams.map(({ name, servers }) => `${name}: ${servers.join(' ')}`),
    )
    if (most > allowed) {
      const measured = inTime(
        loss(context, most),
        patience.illustratedMs,
        'not measured: the machine is too busy',
      )
      evidence('events lost (measured)', await measured)
    }
    expect(replicas ?? 1, `replicas of ${backend.service}`).toBeLessThanOrEqual(allowed)
    for (const twin of facts.compose?.services ?? [])
      if (twins.length + 1 > allowed && twins.includes(twin.name))
        blame(twin.at, twin.name, `${twin.name}: ${backend.names.join(', ')}`)
    for (const { at, name, servers } of upstreams)
      if (servers.length > allowed) blame(at, 'upstream', `upstream ${name}`)
    // Another service that answers to one of the backend's names is another instance behind it.
    expect(twins.length + 1, 'services behind the name').toBeLessThanOrEqual(allowed)
    for (const { name, servers } of upstreams)
      expect(servers.length, `servers of the upstream ${name}`).toBeLessThanOrEqual(allowed)
  },
})

/** What becomes of events when each instance tells only the clients that it holds itself. */
async function loss(
  { contract, facts, ownTopology }: ClaimContext,
  instances: number,
): Promise<string> {
  const unseen = noStream(contract, facts)
  if (unseen !== undefined) return `not measured: ${unseen}`
  try {
    const started = Math.min(instances, MOST_STARTED)
    const { backends, client } = await ownTopology({ backends: started })
    await using audience = await gather({ client, backends }, streamPath(contract))
    for (const [n, backend] of backends.entries()) await backend.publish(`data: event ${n}\n\n`)
    for (const backend of backends) await backend.publish('data: last\n\n')
    const heard = await heardBefore('last', audience)
    const due = audience.streams.length * backends.length
    const lost = due - heard.reduce((sum, events) => sum + new Set(events).size, 0)
    const share = Math.round((100 * lost) / due)
    return `${share} %: with ${audience.held.join(' and ')} clients at ${started} instances, an event of each instance, ${lost} of ${due} never arrived`
  } catch (error) {
    // The verdict is for what the files say; this only shows what it means.
    return `not measured: ${(error as Error).message}`
  }
}
