import { expect } from 'vitest'
import type { HeldStream } from '../../fixtures/actors.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext, OwnTopology } from '../../fixtures/context.ts'
import { notResumed } from '../../fixtures/faults/sse.ts'
import { noStream, streamPath } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import type { SourceEvent, SourceRecord } from '../../fixtures/probes/source-record.ts'
import { Unmet } from '../../fixtures/unmet.ts'

/** What the client has seen when its stream is cut. */
const LAST_ID = '41'

/** The backend is back before a client that was told this comes again, in milliseconds. */
const RETRY_MS = patience.restartMs

/** Soon: to meet the gap of a backend that is down, in milliseconds. */
const SOON_MS = 100

/** A client with its nonce, and who it is by its cookie. */
interface Reader {
  name: string
  nonce: string
  source: SourceRecord
}

const SESSION = 's3ss10n'

claim('sse/resumes', {
  level: 'must',
  says: 'A real EventSource client, a browser among them, has live updates again after the backend restarts, and its Last-Event-ID reaches the backend.',
  source: { standard: 'WHATWG HTML §9.2.3 and §9.2.4 (reconnecting; the Last-Event-ID header)' },
  needs: noStream,
  drill: true,
  governedBy: {
    path: streamPath,
    directives: [
      'proxy_set_header',
      'proxy_pass_request_headers',
      'limit_req',
      'limit_conn',
      'return',
      'proxy_hide_header',
      'proxy_buffering',
    ],
  },
  brokenBy: notResumed,

  async check(context) {
    const own = await context.ownTopology()
    const readers = await open(context, own)
    const began = performance.now()
    try {
      await each(readers, async reader => seesFirst(reader, await streamOf(own, reader, 0)))
      await restart(own, context)
      await each(readers, reader => resumes(own, reader, context.evidence))
      // No verdict on this: a client that is answered while the backend is down gives up, as the standard has it.
      await own.backend.die()
      await each(readers, async ({ name, source }) => {
        const { timedOut, status } = await source.closed({ withinMs: patience.arrivesMs })
        const answer = status ?? source.attempts.at(-1)?.status ?? 'no answer'
        const after = timedOut ? 'still trying' : 'closed for good: only a reload of the page helps'
        context.evidence(`${name} while the backend is down`, `${answer}, ${after}`)
      })
    } finally {
      for (const { name, source } of readers) context.evidence(name, story(source, began))
    }
  },
})

/** The npm client over HTTP/1.1, and a browser over what it negotiates, each in its own place. */
async function open(
  { contract, evidence, nonce }: ClaimContext,
  own: OwnTopology,
): Promise<Reader[]> {
  const path = streamPath(contract)
  const { hosts, edge } = contract
  const { origin } = new URL(`https://${hosts.primary}:${edge.httpsPort}`)
  const ids = { npm: nonce(), browser: nonce() }
  const offered = await own.openBrowser()
  const readers: Reader[] = []
  if ('missing' in offered)
    evidence('a browser', `could not be had, so the npm client decides alone: ${offered.missing}`)
  else {
    const source = await offered.browser.openEventSource({
      ...{ origin, path, nonce: ids.browser },
      cookies: { session: SESSION },
    })
    evidence('the page in the browser', source.page)
    readers.push({ name: offered.browser.version, nonce: ids.browser, source })
  }
  const headers = { cookie: `session=${SESSION}` }
  const source = own.client.eventSource({ path, nonce: ids.npm, headers })
  readers.push({ name: 'npm eventsource', nonce: ids.npm, source })
  return readers
}

/**
 * The stream that a reader opens, at once or after its retry time.
 * @throws Unmet when none reaches the backend in time, or its client gives up before.
 */
function streamOf(own: OwnTopology, reader: Reader, afterMs: number): Promise<HeldStream> {
  const { name, nonce, source } = reader
  const withinMs = afterMs + patience.arrivesMs
  const stream = own.backend.nextStream(nonce, withinMs)
  const gaveUp = source.closed({ withinMs }).then(({ timedOut, lastSeen }) => {
    if (timedOut) return stream
    throw new Unmet(`a stream of ${name} to reach the backend`, lastSeen)
  })
  return Promise.race([stream, gaveUp])
}

async function seesFirst({ name, source }: Reader, held: HeldStream): Promise<void> {
  await held.send(`retry: ${RETRY_MS}\nid: ${LAST_ID}\ndata: before the restart\n\n`)
  const event = await source.next('message')
  expect(event.data, `what ${name} sees before the restart`).toBe('before the restart')
}

/** Down and up again, before any client comes back: what it meets then is the edge's doing. */
async function restart({ backend }: OwnTopology, { evidence }: ClaimContext): Promise<void> {
  const began = performance.now()
  await backend.die()
  await backend.comeBack()
  const tookMs = Math.round(performance.now() - began)
  evidence('the backend was down', `${tookMs} ms; clients were told to come back after ${RETRY_MS}`)
  if (tookMs >= RETRY_MS)
    throw new Error(`the backend was down for ${tookMs} ms: this machine is too busy to tell`)
}

async function resumes(
  own: OwnTopology,
  reader: Reader,
  evidence: ClaimContext['evidence'],
): Promise<void> {
  const { name, source } = reader
  const cut = await source.next('error')
  expect(cut.state, `${name} after its stream was cut`).toBe('connecting')
  const held = await streamOf(own, reader, RETRY_MS)
  const { headers } = held.request
  const last = valuesOf(headers, 'last-event-id').join(', ') || 'none'
  evidence(`Last-Event-ID of ${name} at the backend`, last)
  expect(last, `Last-Event-ID of ${name} at the backend`).toBe(LAST_ID)
  const cookies = valuesOf(headers, 'cookie').join('; ')
  expect(cookies.includes(`session=${SESSION}`), `the cookie of ${name} comes again`).toBe(true)
  await held.send(`retry: ${SOON_MS}\nid: 42\ndata: after the restart\n\n`)
  const event = await source.next('message')
  expect(event.data, `what ${name} sees after the restart`).toBe('after the restart')
}

async function each(readers: Reader[], work: (reader: Reader) => Promise<unknown>): Promise<void> {
  await Promise.all(readers.map(work))
}

/** What a client told, second by second. */
function story({ events, attempts, lastSeen }: SourceRecord, began: number): string {
  const asked = attempts.map(({ at, status, failure }) => ({
    ms: at.ms,
    text: ['asks:', status ?? '', failure ?? ''].join(' ').trim(),
  }))
  const told = events.map(event => ({ ms: event.at.ms, text: tellingOf(event) }))
  const lines = [...asked, ...told]
    .toSorted((a, b) => a.ms - b.ms)
    .map(({ ms, text }) => `${((ms - began) / 1000).toFixed(1)} s ${text}`)
  return [...lines, lastSeen].join('; ')
}

function tellingOf({ type, state, data, status, message }: SourceEvent): string {
  if (type === 'message') return `event "${data}"`
  return [type, status, message, `(${state})`].filter(Boolean).join(' ')
}
