import { expect } from 'vitest'
import { all, broken, inLocation } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ProtocolClient } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { awaitedStream, judgedStreams } from '../../fixtures/judged-streams.ts'
import { noStream, streamPath } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'

const stream = inLocation(streamPath)

/** What leaves an event stream as it is, whatever else it compresses. */
const compressingNothing = {
  gzip: /^off$/,
  gzip_types: /^(?!.*(?:\*|text\/event-stream))/,
  brotli: /^off$|^$/,
  brotli_types: /^(?!.*(?:\*|text\/event-stream))/,
}

claim('sse/not-transformed', {
  level: 'must',
  says: 'The stream stays text/event-stream, uncompressed and without a length, also for clients that accept compression.',
  source: { standard: 'WHATWG HTML §9.2.5 (parsing an event stream)' },
  arrivesBy: apiArrives,
  needs: noStream,
  governedBy: {
    path: streamPath,
    directives: ['gzip', 'gzip_types', 'brotli', 'brotli_types'],
    sound: compressingNothing,
  },
  brokenBy: [
    broken(
      'event streams compressed',
      all(stream.set('gzip', 'on'), stream.set('gzip_types', 'text/event-stream')),
    ),
    broken('everything compressed', all(stream.set('gzip', 'on'), stream.set('gzip_types', '*'))),
    broken('a second Content-Type', stream.add('add_header Content-Type text/plain;')),
    broken(
      'another Content-Type',
      stream.add('proxy_hide_header Content-Type; add_header Content-Type text/plain;'),
    ),
  ],

  async check(context) {
    for (const path of judgedStreams(context))
      for (const probe of context.client.both) await staysAsItIs(context, probe, path)
  },
})

async function staysAsItIs(
  context: ClaimContext,
  probe: ProtocolClient,
  path: string,
): Promise<void> {
  const { backend, evidence, judging } = context
  const title = `${path} over ${probe.protocol}`
  const nonce = await awaitedStream(context, path)
  judging({ path })
  await using stream = probe.openEventStream(path, {
    headers: { 'accept-encoding': 'gzip, br, deflate, zstd' },
    nonce,
  })
  const held = await backend.nextStream(nonce)
  // Long enough that a compressor would find it worth its while.
  const text = 'a coach writes a line that repeats itself. '.repeat(60)
  await held.send(`data: ${text}\n\n`)
  // Behind an edge that holds everything back, headers come when the stream ends; that delay is another claim's.
  const event = await stream.nextEvent({ withinMs: patience.arrivesMs })
  if (event.data === undefined) await held.end()
  const head = await stream.headers({ withinMs: patience.arrivesMs })
  const value = (name: string) =>
    head.headers.filter(([each]) => each === name).map(([, each]) => each)
  evidence(`headers of ${title}`, head.headers)
  expect(head.status, `status of ${title}`).toBe(200)
  judging({ path, directives: ['add_header', 'proxy_hide_header'], about: /content-type/i })
  expect(value('content-type'), `Content-Type of ${title}`).toHaveLength(1)
  expect(value('content-type')[0], `Content-Type of ${title}`).toMatch(/^text\/event-stream\b/)
  judging({ path })
  expect(value('content-encoding'), `Content-Encoding of ${title}`).toEqual([])
  expect(value('content-length'), `Content-Length of ${title}`).toEqual([])
  expect(stream.bytes().toString(), `the bytes of ${title}`).toContain(`data: ${text}\n\n`)
}
