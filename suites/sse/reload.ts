import { expect } from 'vitest'
import type { HeldStream } from '../../fixtures/actors.ts'
import { others, presented } from '../../fixtures/certificate-hosts.ts'
import { claim } from '../../fixtures/claim.ts'
import { expectClockMoved } from '../../fixtures/clock-proof.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { cutByReload } from '../../fixtures/faults/sse.ts'
import { noHttps } from '../../fixtures/hosts.ts'
import { anyOf, noCertificates, noStream, streamPath } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import type { EventStream } from '../../fixtures/probes/event-stream.ts'
import { silenceAllowed } from '../../fixtures/stream-timeout.ts'

claim('sse/survives-reload', {
  level: 'should',
  drill: true,
  says: 'A reload of the edge cuts no open stream, and new connections get the new configuration.',
  source: { spec: 'SSE Configuration; Flow Description 7 (24h timeout)' },
  needs: anyOf(noStream, noHttps, noCertificates),
  governedBy: { path: streamPath, directives: ['worker_shutdown_timeout', 'proxy_read_timeout'] },
  brokenBy: cutByReload,

  async check(context) {
    const { contract, backend, engine, ownEdge, evidence } = context
    const own = await ownEdge()
    const { client, edge } = own
    await using open = new AsyncDisposableStack()
    const streams = await Promise.all(
      client.both.map(async probe => {
        const stream = open.use(probe.openEventStream(streamPath(contract)))
        return { over: probe.protocol, stream, held: await backend.nextStream(stream.nonce) }
      }),
    )
    await Promise.all(streams.map(each => expectEvent('before the reload', each, context)))

    // A renewed certificate is the mark by which the new configuration is known, on every platform.
    const renewed = await engine.renewCertificates(edge.id)
    const { refused, tookMs } = await engine.reload(edge.id)
    evidence('reload', refused ?? `new workers after ${tookMs} ms`)
    expect(refused, 'what nginx says against the reload').toBeUndefined()
    const host = contract.hosts.primary
    const [shown] = await presented(client, [host], renewed)
    const isNew = shown !== undefined && others([shown]).length === 0
    evidence(`${host}, after the reload`, isNew ? 'the new certificate' : shown?.seen)
    expect(isNew, `a new connection to ${host} gets the new configuration`).toBe(true)
    await Promise.all(streams.map(each => expectEvent('after the reload', each, context)))

    // Whatever ends old workers runs out meanwhile; the silence itself is one that the edge allows.
    const silence = Math.floor(
      0.9 * Math.min(silenceAllowed(context), contract.limits.streamIdleSeconds),
    )
    await own.moveClock(silence)
    await expectClockMoved(own, silence)
    const later = `${(silence / 3600).toFixed(1)} hours after the reload`
    await Promise.all(streams.map(each => expectEvent(later, each, context)))
  },
})

/** Sends an event through an open stream, and waits for it. */
async function expectEvent(
  when: string,
  { over, stream, held }: { over: string; stream: EventStream; held: HeldStream },
  { evidence, nonce }: ClaimContext,
): Promise<void> {
  const text = nonce()
  await held.send(`data: ${text}\n\n`)
  const event = await stream.nextEvent({ withinMs: patience.timerFiresMs })
  evidence(`over ${over}, ${when}`, event.lastSeen)
  expect(event.data, `an event ${when}, over ${over}`).toBe(text)
}
