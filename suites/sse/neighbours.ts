import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { expectClockMoved } from '../../fixtures/clock-proof.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { allLong } from '../../fixtures/faults/sse.ts'
import { noStream, streamPath } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

/** How long before the stream's time is over everything else has to be, in seconds. */
const BEFORE = 60

/** A request that hangs for as long as the clock says must not be given up for want of patience. */
const HANGS_MS = 30_000

claim('sse/only-the-stream-is-long', {
  level: 'should',
  says: "Other API paths, and those that only look like the stream's, do not inherit its 24 hours.",
  source: { spec: 'SSE Configuration (at the /api/sse endpoint)' },
  arrivesBy: apiArrives,
  needs: noStream,
  governedBy: { path: contract => `${streamPath(contract)}x`, directives: ['proxy_read_timeout'] },
  brokenBy: allLong,

  async check({ ownEdge, backend, frontend, contract, facts, nonce, evidence, judging }) {
    const edge = await ownEdge()
    const limit = contract.limits.streamIdleSeconds - BEFORE
    const asked = othersThan(contract, facts).map(path => {
      const id = nonce()
      return { path, id, over: false }
    })
    const requests = await Promise.all(
      asked.map(async each => {
        await backend.steer(each.id, { hold: true })
        const pending = edge.client.http1.request({
          path: each.path,
          nonce: each.id,
          withinMs: HANGS_MS,
        })
        const ended = pending.then(answer => {
          each.over = true
          return answer
        })
        // Held by the backend, or already answered on the way: the clock may move.
        await Promise.race([ended, backend.arrivals(each.id), frontend.arrivals(each.id)])
        return { ...each, ended }
      }),
    )
    await edge.moveClock(limit)
    await expectClockMoved(edge, limit)
    const late = new Promise<undefined>(resolve =>
      setTimeout(resolve, patience.timerFiresMs, undefined).unref(),
    )
    for (const { path, ended } of requests) {
      const answer = await Promise.race([ended, late])
      const isOver = answer !== undefined
      evidence(`${path}, ${limit} s after the request`, isOver ? outcomeOf(answer) : 'still open')
      judging({ path })
      expect(
        isOver ? 'over' : 'still open',
        `a hanging request for ${path}, ${limit} s later`,
      ).toBe('over')
    }
  },
})

/**
 * Ordinary API paths, and a near miss of the stream's own: `/api/eventsx` beside `location /api/events`, to which an
 * exact location would not extend. Where a location lies below that prefix the stream has deeper paths, so that the
 * prefix is there on purpose, and what only looks like it costs nobody anything.
 */
function othersThan(contract: Contract, facts: PlatformFacts): string[] {
  const { api, login } = contract.paths
  const stream = streamPath(contract)
  const scope = scopeOf({ contract, facts }, stream)
  const isPrefix = scope !== undefined && 'path' in scope && !scope.modifier.startsWith('~')
  const prefix = isPrefix ? scope.path : stream
  const near = prefix.endsWith('/') ? `${prefix.slice(0, -1)}x/y` : `${prefix}x`
  const isOnPurpose = isPrefix && hasDeeperPaths(facts, prefix)
  return [
    ...new Set([`${api}users`, `${api}reports/1`, login, ...(isOnPurpose ? [] : [near])]),
  ].filter(path => path.startsWith(api))
}

function hasDeeperPaths({ configuration }: PlatformFacts, prefix: string): boolean {
  const below = `${prefix.replace(/\/$/, '')}/`
  return every(configuration.directives).some(({ name, args }) => {
    const path = args.at(-1)?.replace(/^\^/, '').replaceAll('\\', '') ?? ''
    return name === 'location' && path.startsWith(below) && path.length > below.length
  })
}
