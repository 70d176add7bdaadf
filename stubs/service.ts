import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { answerOf } from './answers.ts'
import type { Database } from './database.ts'
import { answerHead, beginRecord, type Exchange, openExchange, peerOf } from './exchange.ts'
import { forward } from './forward.ts'
import { MAX_HEADER_BYTES } from './headers.ts'
import { atBackend, pathOf } from './paths.ts'
import { type ForeignRecord, type Header, NONCE_HEADER } from './protocol.ts'
import type { Records } from './records.ts'
import { respond } from './respond.ts'
import type { Settings } from './settings.ts'
import type { Streams } from './streams.ts'
import { asksForWebSocket, echo, forwardUpgrade } from './upgrade.ts'

/** Longer than any proxy keeps its idle connections: it is the proxy's choice when they end. */
const KEEP_ALIVE_MS = 600_000

const FOREIGN_BYTES = 4_096

/** What a stub's service works with. */
export interface Service {
  settings: Settings
  records: Records
  streams: Streams
  /** Present in a backend that has a connection string. */
  database?: Database | undefined
}

/** The service port: records whatever comes, and answers as told, else as the real service would. */
export function createService(service: Service): Server {
  const recorder = { ...service.settings, records: service.records }
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    requestTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requireHostHeader: false,
    shouldUpgradeCallback: asksForWebSocket,
  })
  server.maxHeadersCount = 0
  server.on('request', (req, res) => {
    answer(service, openExchange(req, res, recorder))
  })
  // Without a listener Node would answer 417 by itself, and nothing would be recorded.
  server.on('checkExpectation', (req, res) => server.emit('request', req, res))
  server.on('upgrade', (req, socket, head) => {
    const record = beginRecord(req, recorder)
    const upgrade = { req, socket, head, record, records: service.records }
    const { backendUrl, paths } = service.settings
    if (backendUrl && pathOf(record.target).startsWith(paths.api)) {
      forwardUpgrade(upgrade, backendUrl, atBackend(record.target, paths))
    } else echo(upgrade)
  })
  server.on('clientError', (error: ParseError, socket) => {
    refuseForeign(service, error, socket as Socket)
  })
  return server
}

function answer({ settings, records, streams, database }: Service, exchange: Exchange): void {
  const { role, paths, backendUrl } = settings
  const { record } = exchange
  const steering = records.steering(record.nonce)
  if (steering === undefined && backendUrl && pathOf(record.target).startsWith(paths.api)) {
    forward(exchange, backendUrl, atBackend(record.target, paths))
    return
  }
  const own = answerOf(role, record, paths)
  respond(exchange, own, { steering, streams, database }).catch(error => {
    // A peer that left needs no answer; its record says that it did.
    if (!exchange.res.destroyed) confess(exchange, error)
  })
}

/** An answer that cannot be sent as told (a header that HTTP does not allow) shows as such. */
function confess(exchange: Exchange, error: unknown): void {
  if (exchange.res.headersSent) {
    exchange.res.destroy()
    return
  }
  const body = `the stub cannot answer as told: ${error}\n`
  const headers: Header[] = [
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Content-Length', `${Buffer.byteLength(body)}`],
  ]
  answerHead(exchange, { status: 500, headers })
  exchange.res.end(body)
}

type ParseError = Error & { code?: string; rawPacket?: Buffer }

function refuseForeign({ settings, records }: Service, error: ParseError, socket: Socket): void {
  if (error.rawPacket && error.rawPacket.length > 0) {
    const bytes = error.rawPacket.subarray(0, FOREIGN_BYTES)
    const record: ForeignRecord = {
      role: settings.role,
      peer: peerOf(socket),
      localPort: socket.localPort ?? 0,
      firstBytes: bytes.toString('hex'),
      reason: error.code ?? error.message,
      nonce: nonceIn(bytes),
      receivedAt: Date.now(),
    }
    records.addForeign(record)
  }
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function nonceIn(bytes: Buffer): string | undefined {
  const pattern = new RegExp(`^${NONCE_HEADER}:[ \\t]*(\\S+)`, 'im')
  return pattern.exec(bytes.toString('latin1'))?.[1]
}
