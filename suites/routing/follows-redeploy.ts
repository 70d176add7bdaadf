import { expect } from 'vitest'
import type { Actor } from '../../fixtures/actors.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext, OwnTopology } from '../../fixtures/context.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { resolvedOnce } from '../../fixtures/faults/redeploy.ts'
import { anyPage, apiPath } from '../../fixtures/faults/ways.ts'
import { noFrontend, noOpenApi } from '../../fixtures/needs.ts'
import { mayAsk } from '../../fixtures/pace.ts'
import { patience } from '../../fixtures/patience.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { askSeveral, EdgeTime } from '../../fixtures/recovery.ts'
import { steadyTraffic } from '../../fixtures/steady-traffic.ts'

claim('routing/follows-redeploy', {
  level: 'should',
  says: 'A service that was re-created at another address is reached again within the contracted time, with no restart of the edge.',
  source: { spec: 'Flow Description 3 (Frontend Processing); Flow Description 4 (API Forwarding)' },
  arrivesBy: requestsArrive,
  needs: noOpenApi,
  governedBy: { path: apiPath, directives: ['proxy_pass', 'resolver'], limit: 'redeploySeconds' },
  brokenBy: resolvedOnce,
  drill: true,

  async check(context) {
    const { contract, evidence, judging } = context
    const { redeploySeconds } = contract.limits
    const own = await context.ownTopology()
    const time = new EdgeTime(own)
    const ways = await waysOf(context, own)
    await time.rests(context, apiPath(contract))

    // Where the edge counts requests, those that are judged are enough.
    const free = ways.filter(({ path }) => mayAsk(context, path) === Number.POSITIVE_INFINITY)
    const underWay = await Promise.all(free.map(way => held(context, own, way)))
    const traffic = free.map(({ path }) =>
      steadyTraffic(() => own.client.http1.request({ path, fresh: true }), outcomeOf),
    )
    await Promise.all(traffic.map(each => each.next(() => true, patience.answerMs)))
    const looks: (Way & { service: Actor; seen: string[]; reached: boolean })[] = []
    // One after the other: two at once might get each other's addresses.
    for (const way of ways) {
      const { service, from, to } = await own.redeploy(way.role)
      for (const each of traffic) each.mark(`the new ${way.role} serves`)
      evidence(`address of the ${way.role}`, `${from.join(', ')} → ${to.join(', ')}`)
      looks.push({ ...way, service, seen: [], reached: false })
    }
    await Promise.all(traffic.map(each => each.next(() => true, patience.answerMs)))
    await Promise.all(traffic.map(each => each.stop()))
    for (const [at, { title }] of free.entries())
      evidence(`${title}, second by second`, traffic[at]?.story())
    for (const { title, pending } of underWay)
      evidence(`${title}, the one that was under way`, outcomeOf(await pending))

    const after = await time.untilContent(async seconds => {
      for (const look of looks) {
        const asked = await askSeveral(context, own.client, look.path, look.service)
        look.seen.push(`+${seconds} s: ${asked.outcomes}`)
        look.reached = asked.reached
      }
      return looks.every(({ reached }) => reached)
    }, redeploySeconds)
    evidence('reached again', after === undefined ? 'not by all' : `${after} s later, by the clock`)
    for (const { title, path, role, seen, reached } of looks) {
      evidence(`${title}, once the new ones served`, seen)
      judging({ path })
      expect(reached, `${title} reach the new ${role} within ${redeploySeconds} s`).toBe(true)
    }
  },
})

interface Way {
  title: string
  path: string
  role: 'frontend' | 'backend'
}

/** A request that the service has and does not answer. */
async function held(context: ClaimContext, own: OwnTopology, { title, role, path }: Way) {
  const nonce = context.nonce()
  await own[role].steer(nonce, { hold: true })
  const request = { path, nonce, fresh: true, withinMs: patience.answerMs }
  const pending = own.client.http1.request(request)
  await own[role].request(nonce)
  return { title, pending }
}

/** The ways that a request takes before anything changes: what never arrives cannot be lost. */
async function waysOf({ contract, nonce }: ClaimContext, own: OwnTopology): Promise<Way[]> {
  const all: Way[] = [
    { title: 'API requests', path: apiPath(contract), role: 'backend' },
    ...(noFrontend(contract) === undefined
      ? [{ title: 'pages', path: anyPage(), role: 'frontend' } as const]
      : []),
  ]
  const arrived = await Promise.all(
    all.map(async way => {
      const id = nonce()
      await own.client.http1.request({ path: way.path, nonce: id, fresh: true })
      return (await own[way.role].requests(id)).length > 0
    }),
  )
  const ways = all.filter((_, at) => arrived[at])
  if (ways.length === 0) throw new Error('no request reaches a service, even before the redeploy')
  return ways
}
