import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { expectClockMoved } from '../../fixtures/clock-proof.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { allLong } from '../../fixtures/faults/sse.ts'
import { noStream, streamPath } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
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
      const seen = answer === undefined ? 'still waiting' : outcomeOf(answer)
      evidence(`${path}, ${limit} s after the request`, seen)
      judging({ path })
      expect(seen, `a hanging request for ${path}, ${limit} s later`).not.toBe('still waiting')
    }
  },
})

/** Ordinary API paths, and near misses of the stream's own; a prefix's near miss is outside of that prefix. */
function othersThan(contract: Contract, facts: PlatformFacts): string[] {
  const { api, login } = contract.paths
  const stream = streamPath(contract)
  const scope = scopeOf({ contract, facts }, stream)
  const prefix =
    scope !== undefined && 'path' in scope && scope.modifier.startsWith('~') === false
      ? scope.path
      : stream
  const near = prefix.endsWith('/') ? `${prefix.slice(0, -1)}x/y` : `${prefix}x`
  return [...new Set([`${api}users`, `${api}reports/1`, login, near])].filter(path =>
    path.startsWith(api),
  )
}
