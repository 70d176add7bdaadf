import { expect } from 'vitest'
import { broken, inForce, inLocation } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import { expectClockMoved } from '../../fixtures/clock-proof.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { streamKept } from '../../fixtures/faults/sse.ts'
import { noStream, noStreamToCome, promisedLevel, streamPath } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { silenceAllowed } from '../../fixtures/stream-timeout.ts'
import { tellUnseen } from '../../fixtures/unseen-stream.ts'

const governedBy = {
  path: streamPath,
  directives: ['proxy_read_timeout', 'proxy_send_timeout', 'send_timeout'],
  limit: 'streamIdleSeconds' as const,
}

const stream = inLocation(streamPath)
const readTimeout = inForce('proxy_read_timeout', { path: streamPath })

/** Shortly before and after the limit, in seconds: inside it by a minute, outside by "minutes". */
const BEFORE = 60
const AFTER = 5 * 60

claim('sse/idle-24h', {
  level: promisedLevel('streamIdleSeconds'),
  says: 'A silent stream is still open a minute before its promised time is over (24 h unless the contract says otherwise).',
  source: { spec: 'Flow Description 7 (24h timeout); SSE Configuration' },
  arrivesBy: apiArrives,
  needs: noStreamToCome,
  governedBy,
  brokenBy: [
    broken('60 seconds', readTimeout.set('60s')),
    broken('an hour', readTimeout.set('1h')),
    broken('an hour short', readTimeout.set('23h')),
    broken('left to what holds elsewhere', stream.unset('proxy_read_timeout')),
    broken('the location of the stream deleted', stream.remove()),
  ],

  async check(context) {
    const { contract, evidence } = context
    tellUnseen(contract, evidence)
    const { stream, held, edge } = await silentStream(context)
    await edge.moveClock(contract.limits.streamIdleSeconds - BEFORE)
    await expectClockMoved(edge, contract.limits.streamIdleSeconds - BEFORE)
    // A timer that ran out fires before the next event can pass: what arrives now came through an open stream.
    await held.send('data: still here\n\n')
    const event = await stream.nextEvent({ withinMs: patience.timerFiresMs })
    evidence(`at ${hours(contract.limits.streamIdleSeconds - BEFORE)}`, event.lastSeen)
    expect(event.data, 'an event after the silence').toBe('still here')
  },
})

claim('sse/ends-after-24h', {
  level: 'should',
  says: 'A silent stream is closed within minutes after its promised time is over.',
  source: { spec: 'Flow Description 7 (24h timeout); SSE Configuration' },
  arrivesBy: apiArrives,
  needs: noStream,
  governedBy,
  brokenBy: [
    broken('a week', readTimeout.set('7d')),
    broken('an hour over', readTimeout.set('25h')),
  ],

  async check(context) {
    const { contract, evidence } = context
    const { stream, edge } = await silentStream(context)
    await edge.moveClock(contract.limits.streamIdleSeconds + AFTER)
    await expectClockMoved(edge, contract.limits.streamIdleSeconds + AFTER)
    const closed = await stream.closed({ withinMs: patience.timerFiresMs })
    evidence(`at ${hours(contract.limits.streamIdleSeconds + AFTER)}`, closed.lastSeen)
    expect(closed.how, 'how the stream ended').toBeDefined()
  },
})

claim('sse/heartbeat-outlives-24h', {
  level: promisedLevel('streamIdleSeconds', 'heartbeatSeconds'),
  says: 'A stream with a heartbeat lives past twice its promised time.',
  source: { spec: 'Flow Description 7 (24h timeout); SSE Configuration' },
  arrivesBy: apiArrives,
  needs: noStream,
  governedBy: { ...governedBy, limit: 'heartbeatSeconds' },
  brokenBy: [
    broken('shorter than a heartbeat', readTimeout.set('10s')),
    broken('a second', readTimeout.set('1s')),
  ],

  async check(context) {
    const { evidence } = context
    const { stream, held, edge } = await silentStream(context)
    const steps = heartbeats(context)
    const last = steps.at(-1) ?? 0
    for (const at of steps) {
      await edge.moveClock(at)
      await held.send(':\n\n')
      const beat = await stream.nextComment({ withinMs: patience.timerFiresMs })
      if (beat.at === undefined) evidence(`heartbeat at ${hours(at)}`, beat.lastSeen)
      expect(beat.at, `a heartbeat at ${hours(at)}`).toBeDefined()
    }
    await expectClockMoved(edge, last)
    evidence('last heartbeat', `at ${hours(last)}: ${stream.lastSeen}`)
    expect(stream.open, 'the stream is open').toBe(true)
  },
})

claim('sse/client-leaves', {
  level: 'must',
  says: "A client that leaves ends the backend's stream, so that no registry of streams leaks.",
  source: { spec: 'Scaling Limitation' },
  arrivesBy: apiArrives,
  needs: noStream,
  governedBy: {
    path: streamPath,
    // What nginx stores it reads to its end, whoever has left.
    directives: ['proxy_ignore_client_abort', 'proxy_cache', 'proxy_store', 'proxy_buffering'],
    sound: { proxy_ignore_client_abort: /^off$/, proxy_cache: /^off$/, proxy_store: /^off$/ },
    limit: 'leaveMs',
  },
  brokenBy: [
    broken('a client that leaves is ignored', stream.add('proxy_ignore_client_abort on;')),
    broken('a cache that keeps the stream', streamKept),
  ],

  async check({ client, backend, contract, evidence }) {
    for (const probe of client.both) {
      await using stream = probe.openEventStream(streamPath(contract))
      const held = await backend.nextStream(stream.nonce)
      await stream.close()
      const { open, closedBy } = await held.closed({ withinMs: contract.limits.leaveMs })
      evidence(`over ${probe.protocol}, ${contract.limits.leaveMs} ms after the client left`, {
        open,
        closedBy,
      })
      expect(open, `the backend's stream is open, over ${probe.protocol}`).toBe(false)
    }
  },
})

/** A stream through an edge of its own, whose clock may be moved. */
async function silentStream({ ownEdge, backend, contract }: ClaimContext) {
  const edge = await ownEdge()
  const [probe] = edge.client.both.toReversed()
  const stream = (probe ?? edge.client.http1).openEventStream(streamPath(contract))
  const held = await backend.nextStream(stream.nonce)
  // Its silence begins when the edge has the answer's headers. What is held back there is for other claims.
  await stream.headers({ withinMs: patience.arrivesMs })
  return { edge, stream, held }
}

/** Most steps of the clock beyond the first heartbeats: each costs a visit to the edge. */
const STEPS = 40

/**
 * When heartbeats are sent, in seconds after real time. The first come at their real pace; then silences as
 * long as the read timeout in force allows add up to twice the promised time. (A timeout shorter than the
 * promise is the silent stream's claim; it does not cut a stream whose heartbeats come in time.)
 */
function heartbeats(context: ClaimContext): number[] {
  const { streamIdleSeconds, heartbeatSeconds } = context.contract.limits
  const first = Array.from({ length: 6 }, (_, n) => (n + 1) * heartbeatSeconds)
  const timeout = silenceAllowed(context)
  const step = Math.max(
    heartbeatSeconds,
    Math.floor(Math.min(streamIdleSeconds / 2, timeout * 0.9)),
  )
  const from = first.at(-1) ?? 0
  const count = Math.min(STEPS, Math.ceil((streamIdleSeconds * 2 + AFTER - from) / step))
  return [...first, ...Array.from({ length: count }, (_, n) => from + (n + 1) * step)]
}

function hours(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  const rest = seconds % 60
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min${rest === 0 ? '' : ` ${rest} s`}`
}
