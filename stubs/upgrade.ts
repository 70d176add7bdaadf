import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { finish } from './exchange.ts'
import { openRequest } from './forward.ts'
import { endToEnd, headerValue, pairs } from './headers.ts'
import type { Header, RequestRecord } from './protocol.ts'
import type { Records } from './records.ts'

/** A connection that asks to become something else, with the bytes that came after its request. */
export interface Upgrade {
  req: IncomingMessage
  socket: Duplex
  head: Buffer
  record: RequestRecord
  records: Records
}

/** RFC 6455 §1.3: what the server proves with that it read the handshake. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Whether a request asks for a WebSocket; any other upgrade is ignored, as RFC 9110 §7.8 allows. */
export function asksForWebSocket(req: IncomingMessage): boolean {
  return req.headers.upgrade?.toLowerCase() === 'websocket'
}

/** Does the WebSocket handshake (RFC 6455 §4.2.2), then sends back every byte it gets. */
export function echo(upgrade: Upgrade): void {
  const { socket, head, record } = upgrade
  const key = headerValue(record.headers, 'sec-websocket-key')
  attend(upgrade)
  if (key === undefined) {
    answer(upgrade, 400, 'Bad Request', [
      ['Connection', 'close'],
      ['Content-Length', '0'],
    ])
    socket.end()
    return
  }
  const accept = createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64')
  answer(upgrade, 101, 'Switching Protocols', [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', accept],
  ])
  socket.write(head)
  socket.pipe(socket)
}

/** Passes the request to change protocol on to the backend, and then every byte both ways. */
export function forwardUpgrade(upgrade: Upgrade, backend: URL, target: string): void {
  const { req, socket, head, record } = upgrade
  attend(upgrade)
  const asking: Header[] = [
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
  ]
  const headers = [...endToEnd(record.headers), ...asking]
  const onward = openRequest(req, { backend, target, headers, agent: false })
  socket.on('close', () => onward.destroy())
  onward.on('upgrade', (response, far, farHead) => {
    answer(upgrade, 101, response.statusMessage ?? '', pairs(response.rawHeaders))
    far.on('error', () => {})
    far.on('close', () => socket.destroy())
    socket.on('close', () => far.destroy())
    socket.write(farHead)
    far.write(head)
    far.pipe(socket)
    socket.pipe(far)
  })
  onward.on('response', response => {
    const kept = endToEnd(pairs(response.rawHeaders))
    const closing: Header[] = [...kept, ['Connection', 'close']]
    answer(upgrade, response.statusCode ?? 502, response.statusMessage ?? '', closing)
    response.pipe(socket)
  })
  onward.on('error', () => {
    if (record.answered === undefined) {
      answer(upgrade, 502, 'Bad Gateway', [
        ['Connection', 'close'],
        ['Content-Length', '0'],
      ])
    }
    socket.end()
  })
  onward.end()
}

function attend({ socket, record, records }: Upgrade): void {
  record.body = { bytes: 0, sha256: createHash('sha256').digest('hex'), complete: true }
  socket.on('error', () => {})
  socket.on('close', () => {
    finish(record, records)
  })
}

function answer(upgrade: Upgrade, status: number, message: string, headers: Header[]): void {
  const { socket, record, records } = upgrade
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`HTTP/1.1 ${status} ${message}\r\n${lines}\r\n`, 'latin1')
  record.answered = { status, at: Date.now() }
  records.changed(record)
}
