import { isIP } from 'node:net'
import { expect } from 'vitest'
import { gather, heardBefore } from '../../fixtures/audience.ts'
import { claim } from '../../fixtures/claim.ts'
import { notJoined } from '../../fixtures/faults/redis.ts'
import { instancesOf } from '../../fixtures/instances.ts'
import { anyOf, type Need, noCompose, noStream, streamPath } from '../../fixtures/needs.ts'
import { isMadeUp } from '../../fixtures/platform/interpolate.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'

const noFanout: Need = ({ fanout }) =>
  fanout === 'redis'
    ? undefined
    : 'the contract does not say that events pass between instances (sse.fanout: redis)'

/** Fewer show nothing, more show nothing else. */
const LEAST_STARTED = 2
const MOST_STARTED = 4

claim('scaling/fanout', {
  level: 'must',
  says: 'An event published at one backend instance reaches the streams of every other, once each.',
  source: { spec: 'Scaling Limitation' },
  arrivesBy: apiArrives,
  drill: true,
  needs: anyOf(noFanout, noStream, noCompose, unknownAddress, calledByNumber),
  governedBy: {
    compose: ({ backend, redis }) => [
      {
        service: backend.service,
        keys: redis === undefined ? ['environment'] : [`environment.${redis.variable}`],
      },
      ...(redis?.server?.service === undefined
        ? []
        : [{ service: redis.server.service, keys: ['command', 'networks'] }]),
    ],
  },
  brokenBy: notJoined,

  async check(context) {
    const { contract, ownTopology, evidence } = context
    evidence(
      'where Redis is (read)',
      contract.redis?.server?.service ?? contract.redis?.server?.host ?? 'nowhere',
    )
    expect(
      contract.redis === undefined ? 'there is none' : 'there is one',
      "a variable of the backend's environment with the address of a Redis",
    ).toBe('there is one')
    const wanted = Math.max(instancesOf(context).most, LEAST_STARTED)
    const instances = Math.min(wanted, MOST_STARTED)
    const { backends, client } = await ownTopology({ backends: instances, redis: true })
    const connections = await Promise.all(backends.map(each => each.redis()))
    evidence('connections to Redis, says each instance', connections)
    expect(
      connections.flatMap(({ connected, error }) => (connected ? [] : [error])),
      'what keeps instances from Redis',
    ).toEqual([])

    await using audience = await gather({ client, backends }, streamPath(contract))
    evidence('clients at each instance', audience.held)
    const events = backends.map((_, n) => `of instance ${n + 1}`)
    const handed: unknown[] = []
    // One after the other: Redis keeps their order, so who has heard the last will hear nothing more of the others.
    for (const [n, event] of [...events, 'last'].entries())
      handed.push(await backends[n % instances]?.publishToAll(`data: ${event}\n\n`))
    evidence('instances that Redis handed each event to', handed)
    const heard = await heardBefore('last', audience)
    const odd = heard.filter(each => each.join() !== events.join())
    evidence(
      `what ${heard.length} clients heard`,
      odd.length === 0 ? `each all ${events.length}, once` : odd,
    )
    const lost = heard.flatMap(each => events.filter(event => !each.includes(event)))
    expect(lost, `events that one of ${heard.length} clients never saw`).toEqual([])
    const twice = heard.flatMap(each => each.filter((event, at) => each.indexOf(event) !== at))
    expect(twice, 'events that a client saw twice').toEqual([])
  },
})

/** Where the address is set in no file, nobody can say that it is wrong. */
function unknownAddress(
  ...[{ redis, backend }, { compose }]: Parameters<Need>
): string | undefined {
  const service = compose?.services.find(({ name }) => name === backend.service)
  const [variable] =
    Object.entries(service?.environment ?? {}).find(
      ([name, value]) => /REDIS|VALKEY/.test(name) && isMadeUp(value),
    ) ?? []
  return redis === undefined && variable !== undefined
    ? `${variable} of ${backend.service} is set in no file (--env-file FILE gives it)`
    : undefined
}

/** A server somewhere by its number has no stand-in: addresses here are the engine's to give. */
function calledByNumber({ redis }: Parameters<Need>[0]): string | undefined {
  if (redis === undefined || redis.server !== undefined) return undefined
  const host = /^\w+:\/\/(?:.*@)?(\[[^\]]*\]|[^:/?]*)/.exec(redis.url)?.[1] ?? ''
  const address = host.replace(/[[\]]/g, '')
  return isIP(address) === 0 || /^(?:127\.|::1$)/.test(address)
    ? undefined
    : `the backend calls its Redis by an address (${address}), which nothing here can have`
}
