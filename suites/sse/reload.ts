import { expect } from 'vitest'
import { others, presented } from '../../fixtures/certificate-hosts.ts'
import { claim } from '../../fixtures/claim.ts'
import { expectClockMoved } from '../../fixtures/clock-proof.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { cutByReload } from '../../fixtures/faults/sse.ts'
import { noHttps } from '../../fixtures/hosts.ts'
import { LiveStream } from '../../fixtures/live-stream.ts'
import { anyOf, noCertificates, noStream, streamPath } from '../../fixtures/needs.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { silenceAllowed } from '../../fixtures/stream-timeout.ts'

claim('sse/survives-reload', {
  level: 'should',
  drill: true,
  says: 'A reload of the edge cuts no open stream, and new connections get the new configuration.',
  source: { spec: 'SSE Configuration; Flow Description 7 (24h timeout)' },
  arrivesBy: apiArrives,
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
        const stream = await LiveStream.open(probe, backend, streamPath(contract))
        if (stream === undefined)
          throw new Error(`no event comes through over ${probe.protocol}, without any reload`)
        return open.use(stream)
      }),
    )

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
    await Promise.all(streams.map(each => expectEvent(each, 'after the reload', context)))

    // Whatever ends old workers runs out meanwhile; the silence itself is one that the edge allows.
    const silence = Math.floor(
      0.9 * Math.min(silenceAllowed(context), contract.limits.streamIdleSeconds),
    )
    await own.moveClock(silence)
    await expectClockMoved(own, silence)
    const later = `${(silence / 3600).toFixed(1)} hours after the reload`
    await Promise.all(streams.map(each => expectEvent(each, later, context)))
  },
})

async function expectEvent(
  stream: LiveStream,
  when: string,
  { evidence }: ClaimContext,
): Promise<void> {
  const { delivered, lastSeen } = await stream.deliver()
  evidence(`over ${stream.protocol}, ${when}`, lastSeen)
  expect(delivered, `an event ${when}, over ${stream.protocol}`).toBe(true)
}
