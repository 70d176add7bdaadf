import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ProtocolClient } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { eventsChanged } from '../../fixtures/faults/sse.ts'
import { noStream, streamPath } from '../../fixtures/needs.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'

const EVENTS = 1_000

/** Bytes of data, over and over: most are small, as events are; some are larger than any buffer on the way. */
const SIZES = [
  1, 2, 17, 63, 200, 1, 511, 1_024, 5, 120, 33, 4_095, 1, 700, 8, 2_048, 90, 16_384, 3, 40,
]
const LARGEST = 64 * 1024
const LARGEST_EACH = 100

/** How many pieces it is sent in, cut anywhere: within a character, a line, an event. */
const PIECES = 120

/** Patience for the next event once all are sent; how fast events are is for other claims. */
const NEXT_MS = 4_000

claim('sse/order-and-loss', {
  level: 'must',
  says: 'A thousand events of 1 byte to 64 KiB arrive complete, in order and unchanged, wherever they are cut.',
  source: { standard: 'WHATWG HTML §9.2.5 (parsing an event stream)' },
  arrivesBy: apiArrives,
  needs: noStream,
  governedBy: {
    path: streamPath,
    directives: ['limit_rate', 'sub_filter', 'proxy_limit_rate', 'gzip', 'charset'],
  },
  brokenBy: eventsChanged,

  async check(context) {
    const events = Array.from({ length: EVENTS }, (_, n) => ({ id: `${n + 1}`, data: textOf(n) }))
    const bytes = Buffer.from(events.map(({ id, data }) => `id: ${id}\ndata: ${data}\n\n`).join(''))
    await Promise.all(context.client.both.map(probe => arrives(context, probe, events, bytes)))
  },
})

interface Sent {
  id: string
  data: string
}

async function arrives(
  { backend, contract, evidence }: ClaimContext,
  probe: ProtocolClient,
  events: Sent[],
  bytes: Buffer,
): Promise<void> {
  const { protocol } = probe
  await using stream = probe.openEventStream(streamPath(contract))
  const held = await backend.nextStream(stream.nonce)
  for (const piece of cut(bytes)) await held.send(piece)
  // What an edge holds back until the end is for other claims.
  await held.end()
  let last = 0
  for (const event of events) {
    const arrival = await stream.nextEvent({ withinMs: NEXT_MS })
    const isSame = arrival.id === event.id && arrival.data === event.data
    if (!isSame)
      evidence(
        `event ${event.id} over ${protocol}`,
        `${arrival.lastSeen}; ${arrival.data?.length ?? 'no'} characters, id ${arrival.id ?? 'none'}`,
      )
    expect(arrival.id, `id after ${last}, over ${protocol}`).toBe(event.id)
    expect(isSame, `event ${event.id} over ${protocol} is unchanged`).toBe(true)
    last = Number(event.id)
  }
  const received = stream.bytes()
  evidence(
    `over ${protocol}`,
    `${events.length} events, ${received.length} bytes, in ${stream.chunks.length} pieces`,
  )
  expect(digest(received), `bytes of the stream over ${protocol}`).toEqual(digest(bytes))
}

/** Text of the size that is this event's turn, its own and with characters of several bytes. */
function textOf(n: number): string {
  const bytes = n % LARGEST_EACH === LARGEST_EACH - 1 ? LARGEST : (SIZES[n % SIZES.length] ?? 1)
  const alphabet = `${n}·é€😀abcdefghijklmnopqrstuvwxyz`
  if (bytes < 8) return `${n % 10}`.repeat(bytes)
  const unit = Buffer.byteLength(alphabet)
  const whole = alphabet.repeat(Math.floor(bytes / unit))
  return whole + 'x'.repeat(bytes - Buffer.byteLength(whole))
}

/** Pieces of uneven length, the same in every run. */
function* cut(bytes: Buffer): Generator<Buffer> {
  const step = bytes.length / PIECES
  let from = 0
  for (let piece = 1; piece <= PIECES; piece++) {
    const wobble = ((piece * 7_919) % 101) - 50
    const to = piece === PIECES ? bytes.length : Math.floor(piece * step) + wobble
    yield bytes.subarray(from, to)
    from = to
  }
}

function digest(bytes: Buffer) {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
