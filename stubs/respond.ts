import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { Answer } from './answers.ts'
import type { Database } from './database.ts'
import { answerHead, die, type Exchange, finish } from './exchange.ts'
import { headerValue, leavingOut } from './headers.ts'
import type { Header, Steering } from './protocol.ts'
import type { Streams } from './streams.ts'

/**
 * Answers a request: as the service would by itself, with what the steering says laid over it.
 * Begins when the request's body has ended, so that the record is whole by then.
 */
export async function respond(
  exchange: Exchange,
  usual: Answer,
  by: { steering?: Steering; streams: Streams; database?: Database | undefined },
): Promise<void> {
  const { steering = {}, streams, database } = by
  if (steering.unread) exchange.req.pause()
  if (steering.hold || steering.unread) return
  await exchange.bodyEnd
  if (steering.delayMs) await wait(steering.delayMs, undefined, { signal: exchange.gone })
  const own = await withDatabase(usual, { steering, database })
  exchange.gone.throwIfAborted()
  if (steering.dieUnanswered) {
    finish(exchange.record, exchange.records)
    exchange.res.destroy()
    return
  }
  const status = steering.status ?? own.status
  if (steering.stream ?? (own.stream && opensStream(steering))) {
    streams.open(exchange, { status, headers: laidOver(streamHeaders(own), steering) })
    return
  }
  const body = bodyOf(own, steering)
  const headers = laidOver(framed(own.headers, { status, steering, bytes: body.bytes }), steering)
  answerHead(exchange, { status, headers })
  await sendBody(exchange, body, steering)
}

/** The usual answer, once the database has answered; 503 when it does not. */
async function withDatabase(
  usual: Answer,
  { steering, database }: { steering: Steering; database: Database | undefined },
): Promise<Answer> {
  if (steering.querySeconds === undefined) return usual
  const failure =
    database === undefined ? 'no connection string' : await database.query(steering.querySeconds)
  if (failure === undefined) return usual
  const type: Header = ['Content-Type', 'text/plain; charset=utf-8']
  return { status: 503, headers: [type], body: `the database does not answer: ${failure}\n` }
}

/** At a stream's path, another status or a body of its own makes an ordinary answer. */
function opensStream({ status = 200, ...steering }: Steering): boolean {
  const { body, bodyBase64, bodyBytes, dieAfterBytes } = steering
  const own = [body, bodyBase64, bodyBytes, dieAfterBytes]
  return status === 200 && own.every(part => part === undefined)
}

interface Body {
  bytes: number
  chunks: Iterable<Buffer>
}

async function sendBody(exchange: Exchange, body: Body, steering: Steering): Promise<void> {
  const { res } = exchange
  if (steering.dieAfterBytes !== undefined) {
    res.flushHeaders()
    await written(exchange, firstOf(body.chunks, steering.dieAfterBytes))
    die(exchange)
    return
  }
  await written(exchange, body.chunks)
  if (steering.trailers) res.addTrailers(steering.trailers)
  res.end()
}

/** Writes at the peer's pace, and leaves the response open. */
async function written({ res, gone }: Exchange, chunks: Iterable<Buffer>): Promise<void> {
  for (const chunk of chunks) {
    if (!res.write(chunk)) await once(res, 'drain', { signal: gone })
  }
}

function bodyOf(own: Answer, { body, bodyBase64, bodyBytes }: Steering): Body {
  if (bodyBytes !== undefined) return { bytes: bodyBytes, chunks: letters(bodyBytes) }
  const buffer =
    bodyBase64 === undefined ? Buffer.from(body ?? own.body) : Buffer.from(bodyBase64, 'base64')
  return { bytes: buffer.length, chunks: buffer.length === 0 ? [] : [buffer] }
}

const CHUNK = Buffer.alloc(64 * 1024, 'x')

function* letters(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield CHUNK.subarray(0, left)
}

function* firstOf(chunks: Iterable<Buffer>, bytes: number): Generator<Buffer> {
  let left = bytes
  for (const chunk of chunks) {
    if (left <= 0) return
    yield chunk.subarray(0, left)
    left -= chunk.length
  }
}

/** With a length, where an answer of this kind has one; without it the body goes out in chunks. */
function framed(
  headers: Header[],
  { status, steering, bytes }: { status: number; steering: Steering; bytes: number },
): Header[] {
  if (steering.trailers) {
    const names = steering.trailers.map(([name]) => name).join(', ')
    return [...headers, ['Trailer', names]]
  }
  const bodiless = status < 200 || status === 204 || status === 304
  const chosen =
    steering.headers && headerValue(steering.headers, 'transfer-encoding') !== undefined
  return bodiless || chosen ? headers : [...headers, ['Content-Length', `${bytes}`]]
}

function streamHeaders(own: Answer): Header[] {
  if (own.stream) return own.headers
  const kept = leavingOut(own.headers, ['content-type', 'cache-control', 'set-cookie'])
  return [...kept, ['Content-Type', 'text/event-stream'], ['Cache-Control', 'no-cache']]
}

function laidOver(headers: Header[], steering: Steering): Header[] {
  const given = steering.headers ?? []
  const replaced = given.map(([name]) => name.toLowerCase())
  return [...leavingOut(headers, [...replaced, ...(steering.without ?? [])]), ...given]
}
