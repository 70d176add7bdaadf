import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import type { HeldStream } from '../../fixtures/actors.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext, OwnTopology } from '../../fixtures/context.ts'
import { notResumed } from '../../fixtures/faults/sse.ts'
import { noStream, streamPath } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import type { SourceEvent, SourceRecord } from '../../fixtures/probes/source-record.ts'
import { Unmet } from '../../fixtures/unmet.ts'

/** What the client has seen when its stream is cut. */
const LAST_ID = '41'

/** The backend is back before a client that was told this comes again, in milliseconds. */
const RETRY_MS = patience.restartMs

/** Soon: to meet the gap of a backend that is down, in milliseconds. */
const SOON_MS = 100

const POLICY = aboutAny(['Content-Security-Policy'])

/** A client of the stream. */
interface Reader {
  name: string
  nonce: string
  source: SourceRecord
}

/** Who they are, as long as they come. */
const COOKIE = ['session', 's3ss10n'] as const

claim('sse/resumes', {
  level: 'must',
  says: 'Real EventSource clients, a browser among them, have live updates again after the backend restarts, and their Last-Event-ID reaches the backend.',
  source: { standard: 'WHATWG HTML §9.2.3 and §9.2.4 (reconnecting; the Last-Event-ID header)' },
  arrivesBy: apiArrives,
  needs: noStream,
  drill: true,
  governedBy: {
    path: streamPath,
    directives: ['limit_req', 'limit_conn', 'return', 'proxy_buffering'],
    sound: { proxy_buffering: /^off$/ },
  },
  brokenBy: notResumed,

  async check(context) {
    const { own, readers } = await open(context)
    try {
      await each(readers, async reader => seesFirst(reader, await firstOf(own, reader, context)))
      await restart(own, context)
      await each(readers, reader => resumes(own, reader, context))
      // No verdict on this: a client that is answered while the backend is down gives up, as the standard has it.
      await own.backend.die()
      await each(readers, async ({ name, source }) => {
        const { timedOut, status } = await source.closed({ withinMs: patience.arrivesMs })
        const answer = status ?? source.attempts.at(-1)?.status ?? 'no answer'
        const after = timedOut ? 'still trying' : 'closed for good: only a reload of the page helps'
        context.evidence(`${name} while the backend is down`, `${answer}, ${after}`)
      })
    } finally {
      for (const { name, source } of readers) context.evidence(name, story(source))
    }
  },
})

/** The npm client, and a browser where one can be had. */
async function open(context: ClaimContext): Promise<{ own: OwnTopology; readers: Reader[] }> {
  const { contract, evidence, nonce } = context
  // Before a topology is started, of which there are few at once.
  const missing = await context.noBrowser()
  const own = await context.ownTopology()
  const readers: Reader[] = []
  if (missing === undefined) readers.push(await inBrowser(context, own))
  else evidence('a browser', `could not be had, so the npm client decides alone: ${missing}`)
  const npm = { path: streamPath(contract), nonce: nonce(), headers: { cookie: COOKIE.join('=') } }
  readers.push({ name: 'npm eventsource', nonce: npm.nonce, source: own.client.eventSource(npm) })
  return { own, readers }
}

async function inBrowser(
  { contract, evidence, nonce }: ClaimContext,
  own: OwnTopology,
): Promise<Reader> {
  const { scheme, port } = contract.edge
  const { origin } = new URL(`${scheme}://${contract.hosts.primary}:${port}`)
  const [name, value] = COOKIE
  const request = { origin, path: streamPath(contract), nonce: nonce(), cookies: { [name]: value } }
  const browser = await own.openBrowser()
  const source = await browser.openEventSource(request)
  evidence('the page in the browser', source.page)
  return { name: browser.version, nonce: request.nonce, source }
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

/** What Chromium says of a request that the page's Content-Security-Policy does not allow. */
const BY_POLICY = /csp/i

/** The first stream of a reader. Where the page may not connect, what its headers say is to blame. */
async function firstOf(
  own: OwnTopology,
  reader: Reader,
  { judging, evidence }: ClaimContext,
): Promise<HeldStream> {
  try {
    return await streamOf(own, reader, 0)
  } catch (error) {
    if (reader.source.attempts.some(({ failure }) => BY_POLICY.test(failure ?? ''))) {
      evidence('what keeps the page from it', 'its Content-Security-Policy')
      judging({ path: '/', directives: ['add_header'], about: POLICY })
    }
    throw error
  }
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
  { contract, evidence, judging }: ClaimContext,
): Promise<void> {
  const { name, source } = reader
  const cut = await source.next('error')
  expect(cut.state, `${name} after its stream was cut`).toBe('connecting')
  const held = await streamOf(own, reader, RETRY_MS)
  const { headers } = held.request
  const last = valuesOf(headers, 'last-event-id').join(', ') || 'none'
  evidence(`Last-Event-ID of ${name} at the backend`, last)
  const path = streamPath(contract)
  const told = ['proxy_pass_request_headers', 'proxy_set_header']
  const sound = { proxy_pass_request_headers: /^on$/ }
  const all = last === 'none' ? told : told.slice(1)
  judging({ path, directives: all, about: aboutAny(['Last-Event-ID', ...told.slice(0, 1)]), sound })
  expect(last, `Last-Event-ID of ${name} at the backend`).toBe(LAST_ID)
  const cookies = valuesOf(headers, 'cookie').join('; ')
  judging({ path, directives: told, about: aboutAny(['Cookie', ...told.slice(0, 1)]), sound })
  expect(cookies.includes(COOKIE.join('=')), `the cookie of ${name} comes again`).toBe(true)
  judging({ path })
  await held.send(`retry: ${SOON_MS}\nid: 42\ndata: after the restart\n\n`)
  const event = await source.next('message')
  expect(event.data, `what ${name} sees after the restart`).toBe('after the restart')
}

async function each(readers: Reader[], work: (reader: Reader) => Promise<unknown>): Promise<void> {
  await Promise.all(readers.map(work))
}

/** What a client did and told, by the second. */
function story({ events, attempts }: SourceRecord): string {
  const asked = attempts.map(({ at, status, failure }) => ({
    ms: at.ms,
    text: ['asks', status, failure].filter(Boolean).join(' '),
  }))
  const told = events.map(event => ({ ms: event.at.ms, text: tellingOf(event) }))
  const all = [...asked, ...told].toSorted((a, b) => a.ms - b.ms)
  const began = all[0]?.ms ?? 0
  return all.map(({ ms, text }) => `${((ms - began) / 1000).toFixed(1)} s ${text}`).join('; ')
}

function tellingOf({ type, state, data, status, message }: SourceEvent): string {
  if (type === 'message') return `event "${data}"`
  return [type, status, message, `(${state})`].filter(Boolean).join(' ')
}
