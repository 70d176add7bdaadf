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
import { askSeveral, EdgeTime } from '../../fixtures/recovery.ts'
import { steadyTraffic } from '../../fixtures/steady-traffic.ts'

claim('routing/follows-redeploy', {
  level: 'should',
  says: 'A service that was re-created at another address is reached again within the contracted time, with no restart of the edge.',
  source: { spec: 'Flow Description 3 (Frontend Processing); Flow Description 4 (API Forwarding)' },
  needs: noOpenApi,
  governedBy: { path: apiPath, directives: ['proxy_pass', 'resolver'] },
  brokenBy: resolvedOnce,
  drill: true,

  async check(context) {
    const { contract, evidence, judging, nonce } = context
    const { redeploySeconds } = contract.limits
    const own = await context.ownTopology()
    const ways = await waysOf(context, own)

    const underWay = await Promise.all(
      ways.map(async ({ title, role, path }) => {
        const id = nonce()
        await own[role].steer(id, { hold: true })
        const request = { path, nonce: id, fresh: true, withinMs: patience.answerMs }
        const pending = own.client.http1.request(request)
        await own[role].request(id)
        return { title, pending }
      }),
    )
    const traffic = ways
      .filter(({ path }) => mayAsk(context, path) === Number.POSITIVE_INFINITY)
      .map(({ title, path }) => ({
        title,
        seen: steadyTraffic(() => own.client.http1.request({ path, fresh: true }), outcomeOf),
      }))
    await Promise.all(traffic.map(({ seen }) => seen.next(() => true, patience.answerMs)))
    const services = new Map<string, Actor>()
    // One after the other: two at once might get each other's addresses.
    for (const { role } of ways) {
      const { service, from, to } = await own.redeploy(role)
      services.set(role, service)
      evidence(`address of the ${role}`, `${from.join(', ')} → ${to.join(', ')}`)
    }
    for (const { title, seen } of traffic) {
      seen.mark('the new one serves')
      await seen.next(() => true, patience.answerMs)
      await seen.stop()
      evidence(`${title}, while the service was re-created`, seen.story())
    }
    for (const { title, pending } of underWay)
      evidence(`${title}, a request that was under way`, outcomeOf(await pending))

    const time = new EdgeTime(own)
    const looks = ways.map(way => ({ ...way, seen: [] as string[], reached: false }))
    const after = await time.untilContent(async seconds => {
      for (const look of looks) {
        const { outcomes, reached } = await askSeveral(
          context,
          own.client,
          look.path,
          services.get(look.role) ?? own[look.role],
        )
        look.seen.push(`+${seconds} s: ${outcomes}`)
        look.reached = reached
      }
      return looks.every(({ reached }) => reached)
    }, redeploySeconds)
    evidence('reached again', after === undefined ? 'not by all' : `${after} s later, by the clock`)
    for (const { title, path, role, seen, reached } of looks) {
      evidence(`${title}, once the new one served`, seen)
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
