import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { headerValue, pairs } from './headers.ts'
import { type Header, NONCE_HEADER, type RequestRecord, type StubPort } from './protocol.ts'
import type { Records } from './records.ts'

/** A request that is being answered. */
export interface Exchange {
  req: IncomingMessage
  res: ServerResponse
  record: RequestRecord
  records: Records
  /** Settles when the body has ended, whole or cut off. */
  bodyEnd: Promise<void>
  /** Aborts when the peer has gone before the answer was complete. */
  gone: AbortSignal
}

interface Recorder {
  role: 'frontend' | 'backend'
  instance: string
  records: Records
  /** Its own port, and those that are taken for it. */
  port: number
  further: StubPort[]
}

/** Begins the record of a request. Its body is consumed from now on, by whoever else reads it too. */
export function openExchange(req: IncomingMessage, res: ServerResponse, by: Recorder): Exchange {
  const record = beginRecord(req, by)
  const bodyEnd = followBody(req, record, by.records)
  const gone = new AbortController()
  // A write to a peer that has just gone; 'close' follows and is what counts.
  res.on('error', () => {})
  res.on('finish', () => {
    finish(record, by.records)
  })
  res.on('close', () => {
    if (record.finishedAt !== undefined) return
    record.abortedAt = Date.now()
    by.records.changed(record)
    gone.abort()
  })
  return { req, res, record, records: by.records, bodyEnd, gone: gone.signal }
}

/** Sends status and headers, in the order and case given, and notes it. */
export function answerHead(
  { res, record, records }: Exchange,
  head: { status: number; message?: string; headers: readonly Header[] },
): void {
  res.sendDate = false
  const flat = head.headers.flat()
  if (head.message === undefined) res.writeHead(head.status, flat)
  else res.writeHead(head.status, head.message, flat)
  record.answered = { status: head.status, at: Date.now() }
  records.changed(record)
}

/** Cuts the connection once what was written is out. */
export function die({ res, record, records }: Exchange): void {
  finish(record, records)
  res.socket?.destroySoon()
}

/** The record of a request whose body is not looked at. */
export function beginRecord(req: IncomingMessage, by: Recorder) {
  const { role, instance, records, port, further } = by
  const { localPort = 0 } = req.socket
  const headers = pairs(req.rawHeaders)
  const target = req.url ?? ''
  const record: RequestRecord = {
    id: records.nextId(),
    role,
    instance,
    nonce: headerValue(headers, NONCE_HEADER) || nonceInQuery(target),
    method: req.method ?? '',
    target,
    httpVersion: req.httpVersion,
    headers,
    peer: peerOf(req.socket),
    localPort: further.some(each => each.port === localPort) ? port : localPort,
    ...('encrypted' in req.socket && { encrypted: true as const }),
    body: { bytes: 0, sha256: '', complete: false },
    receivedAt: Date.now(),
  }
  records.add(record)
  return record
}

/** Notes that the stub is done with a request. */
export function finish(record: RequestRecord, records: Records): void {
  record.finishedAt ??= Date.now()
  records.changed(record)
}

/** Who is at the other end; empty for a connection that is already gone. */
export function peerOf(socket: Socket): { address: string; port: number } {
  return { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
}

function nonceInQuery(target: string): string | undefined {
  const question = target.indexOf('?')
  if (question < 0 || !target.includes(NONCE_HEADER, question)) return undefined
  return new URLSearchParams(target.slice(question + 1)).get(NONCE_HEADER) || undefined
}

function followBody(req: IncomingMessage, record: RequestRecord, records: Records): Promise<void> {
  const hash = createHash('sha256')
  req.on('data', (chunk: Buffer) => {
    record.body.bytes += chunk.length
    hash.update(chunk)
  })
  // A request that is cut off raises an error; the record says so by its incomplete body.
  req.on('error', () => {})
  return new Promise(resolve => {
    const over = () => {
      if (record.body.sha256 !== '') return
      record.body.sha256 = hash.digest('hex')
      record.body.complete = req.complete
      if (req.rawTrailers.length > 0) record.trailers = pairs(req.rawTrailers)
      records.changed(record)
      resolve()
    }
    req.on('end', over)
    req.on('close', over)
  })
}
