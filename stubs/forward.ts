import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { answerHead, type Exchange, finish } from './exchange.ts'
import { endToEnd, headerValue, MAX_HEADER_BYTES, pairs } from './headers.ts'
import type { Header } from './protocol.ts'

/** A backend that does not take a connection within this is not there. */
const CONNECT_MS = 2_000

/** Idle connections are dropped soon, so that none outlives a backend that vanished silently. */
const IDLE_MS = 4_000

const agent = new Agent({ keepAlive: true, timeout: IDLE_MS })

/**
 * Passes a request on to the backend and its answer back, both as they come: method, target, headers
 * in order and case, bodies and trailers unchanged. When one side goes, the other is told at once.
 * A backend that cannot be reached, or goes before its answer, makes 502. Nothing is sent twice.
 */
export function forward(exchange: Exchange, backend: URL, target: string): void {
  const { req, res } = exchange
  const onward = openRequest(req, { backend, target, headers: onwardHeaders(exchange), agent })
  const fail = (error: Error) => {
    if (res.headersSent) cut(exchange)
    else refuse(exchange, error)
  }
  onward.on('error', fail)
  onward.on('response', answer => {
    passBack(exchange, answer)
  })
  exchange.gone.addEventListener('abort', () => onward.destroy())
  req.on('end', () => {
    if (req.rawTrailers.length > 0) onward.addTrailers(pairs(req.rawTrailers))
  })
  req.pipe(onward)
}

/** Opens a request to the backend; its error says so when no connection comes about in time. */
export function openRequest(
  req: IncomingMessage,
  to: { backend: URL; target: string; headers: Header[]; agent: Agent | false },
): ClientRequest {
  const onward = request({
    host: to.backend.hostname,
    port: to.backend.port,
    method: req.method,
    path: to.target,
    headers: to.headers.flat(),
    agent: to.agent,
    setDefaultHeaders: false,
    // Whoever limits a head, it is not this stub.
    maxHeaderSize: MAX_HEADER_BYTES,
  })
  onward.on('socket', socket => {
    if (!socket.connecting) return
    const giveUp = () => onward.destroy(new Error(`no connection within ${CONNECT_MS} ms`))
    const timer = setTimeout(giveUp, CONNECT_MS)
    for (const event of ['connect', 'close']) socket.once(event, () => clearTimeout(timer))
  })
  return onward
}

function onwardHeaders({ record }: Exchange): Header[] {
  const headers = endToEnd(record.headers)
  const inChunks = headerValue(record.headers, 'transfer-encoding') !== undefined
  return inChunks ? [...headers, ['Transfer-Encoding', 'chunked']] : headers
}

function passBack(exchange: Exchange, answer: IncomingMessage): void {
  const { res } = exchange
  answerHead(exchange, {
    status: answer.statusCode ?? 502,
    message: answer.statusMessage,
    headers: endToEnd(pairs(answer.rawHeaders)),
  })
  res.flushHeaders()
  answer.on('error', () => {})
  answer.on('close', () => {
    if (!answer.complete) cut(exchange)
  })
  answer.on('end', () => {
    if (answer.rawTrailers.length > 0) res.addTrailers(pairs(answer.rawTrailers))
  })
  answer.pipe(res)
}

/** The backend went away in the midst of its answer, so the peer's connection ends too. */
function cut({ res, record, records }: Exchange): void {
  if (res.writableFinished) return
  finish(record, records)
  res.destroy()
}

function refuse(exchange: Exchange, error: Error): void {
  const body = `Bad Gateway: ${error.message}\n`
  const headers: Header[] = [
    ['Date', new Date().toUTCString()],
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Content-Length', `${Buffer.byteLength(body)}`],
  ]
  if (exchange.gone.aborted) return
  answerHead(exchange, { status: 502, headers })
  exchange.res.end(body)
}
