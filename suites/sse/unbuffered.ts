import { expect } from 'vitest'
import { addLocation, all, bodyOf, broken, inForce, inLocation } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { apiPath } from '../../fixtures/faults/ways.ts'
import { awaitedStream, judgedStreams } from '../../fixtures/judged-streams.ts'
import {
  anyOf,
  noHttp2,
  noStream,
  noStreamToCome,
  streamLevel,
  streamPath,
} from '../../fixtures/needs.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { tellUnseen } from '../../fixtures/unseen-stream.ts'

const stream = inLocation(streamPath)

/** Whatever holds bytes back, or lets another location hold them back. */
const heldBack = [
  broken('proxy_buffering on', stream.set('proxy_buffering', 'on')),
  broken(
    'proxy_buffering left at its default',
    inForce('proxy_buffering', { path: streamPath }).remove(),
  ),
  broken('the location of the stream deleted', stream.remove()),
  broken(
    'a prefix, shadowed by a regular expression',
    all(
      stream.heads(({ contract }) => `location ${streamPath(contract)}`),
      addLocation(({ contract }) => `~ ^${contract.paths.api}`, bodyOf(apiPath)),
    ),
  ),
]

/** An HTTP/2 client sees no delay where the upstream's answer comes in chunks. */
const heldBackFromAll = [
  broken(
    'buffered, from an HTTP/1.0 upstream',
    all(stream.set('proxy_buffering', 'on'), stream.set('proxy_http_version', '1.0')),
  ),
]

/** What holds nothing back. */
const sound = {
  proxy_buffering: /^off$/,
  proxy_cache: /^off$/,
  gzip: /^off$/,
  gzip_types: /^(?!.*(?:\*|text\/event-stream))/,
}

/** How many small events are timed one by one. */
const RUN = 5

for (const [id, name, protocol] of [
  ['sse/unbuffered-h1', 'an HTTP/1.1', 'http1'],
  ['sse/unbuffered-h2', 'an HTTP/2', 'http2'],
] as const) {
  claim(id, {
    level: streamLevel,
    says: `An event reaches ${name} client while the backend still holds the stream open.`,
    source: { spec: 'Flow Description 7 (SSE Connections); SSE Configuration' },
    arrivesBy: apiArrives,
    needs: protocol === 'http2' ? anyOf(noStream, noHttp2) : noStreamToCome,
    governedBy: {
      path: streamPath,
      directives: ['proxy_buffering', 'proxy_ignore_headers', 'proxy_cache', 'gzip', 'gzip_types'],
      sound,
      limit: 'promptMs',
    },

    brokenBy: protocol === 'http1' ? [...heldBack, ...heldBackFromAll] : heldBackFromAll,

    async check(context) {
      await seesEachEventAtOnce(context, protocol)
    },
  })
}

claim('sse/headers-before-events', {
  level: 'must',
  says: "The stream's headers reach the client before the first event is sent.",
  source: { spec: 'Flow Description 7 (SSE Connections); SSE Configuration' },
  arrivesBy: apiArrives,
  needs: noStream,
  governedBy: { path: streamPath, directives: ['proxy_buffering', 'proxy_ignore_headers'], sound },
  brokenBy: [...heldBack, ...heldBackFromAll],

  async check(context) {
    const { client, backend, contract, evidence, judging } = context
    for (const path of judgedStreams(context)) {
      judging({ path })
      for (const probe of client.both) {
        const title = `${path} over ${probe.protocol}`
        const nonce = await awaitedStream(context, path)
        await using stream = probe.openEventStream(path, { nonce })
        await backend.nextStream(nonce)
        const head = await stream.headers({ withinMs: contract.limits.promptMs })
        evidence(`headers of ${title}`, `${head.lastSeen} after ${Math.round(head.waitedMs)} ms`)
        expect(head.status, `status of ${title}, before any event was sent`).toBe(200)
      }
    }
  },
})

async function seesEachEventAtOnce(
  context: ClaimContext,
  protocol: 'http1' | 'http2',
): Promise<void> {
  tellUnseen(context.contract, context.evidence)
  for (const path of judgedStreams(context)) {
    context.judging({ path })
    const id = await awaitedStream(context, path)
    await seesEventsOf(context, protocol, { path, id })
  }
}

async function seesEventsOf(
  { client, backend, contract, evidence }: ClaimContext,
  protocol: 'http1' | 'http2',
  { path, id }: { path: string; id: string },
): Promise<void> {
  const { promptMs } = contract.limits
  await using stream = client[protocol].openEventStream(path, { nonce: id })
  const held = await backend.nextStream(stream.nonce)
  const delays: number[] = []
  for (let n = 1; n <= RUN; n++) {
    const sentAt = await held.send(`data: ${n}\n\n`)
    const event = await stream.nextEvent({ withinMs: promptMs })
    if (event.at === undefined)
      evidence(`event ${n}, ${promptMs} ms after it was sent`, event.lastSeen)
    expect(event.data, `event ${n} of ${RUN}, ${promptMs} ms after it was sent`).toBe(String(n))
    delays.push(Math.max(0, (event.at?.ms ?? sentAt) - sentAt))
  }
  evidence('longest way of an event', `${Math.round(Math.max(...delays))} ms`)
  expect(Math.max(...delays), 'longest way of an event, ms').toBeLessThan(promptMs)
  expect(await held.isOpen(), 'the backend still holds the stream open').toBe(true)
}
