import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Database } from './database.ts'
import { dial } from './dial.ts'
import { peerOf } from './exchange.ts'
import type { Orders, StreamData } from './protocol.ts'
import type { Service } from './service.ts'
import type { ServicePort } from './service-port.ts'

/** How long a steerer's idle connection is kept. */
const KEEP_ALIVE_MS = 600_000

/** What orders are carried out on. */
export interface Controlled extends Service {
  /** The service port, and all that is taken for it. */
  port: Pick<ServicePort, 'open' | 'close'>
  /** Present in a backend that has a connection string. */
  database?: Database
}

interface Asker {
  req: IncomingMessage
  /** Aborts when whoever asked has gone. */
  gone: AbortSignal
}

type Handlers = {
  [Name in keyof Orders]: (
    takes: Orders[Name]['takes'],
    stub: Controlled,
    asker: Asker,
  ) => Promise<Orders[Name]['gives']> | Orders[Name]['gives']
}

const handlers: Handlers = {
  steer({ nonce, steering }, { records }) {
    records.steer(nonce, steering)
    return null
  },
  requests: ({ nonce, atLeast = 0, settled = false, withinMs = 0 }, { records }, { gone }) =>
    records.requests(nonce, { atLeast, settled, withinMs, gone }),
  foreign: ({ atLeast = 0, withinMs = 0 }, { records }, { gone }) =>
    records.foreign({ atLeast, withinMs, gone }),
  'next-stream': async ({ nonce, withinMs = 0 }, { streams }, { gone }) =>
    (await streams.next(nonce, withinMs, gone)) ?? null,
  send: ({ id, data }, { streams }) => streams.send(id, bytesOf(data)),
  'end-stream': ({ id, abruptly = false }, { streams }) => streams.end(id, abruptly),
  'stream-state': ({ id, closedWithinMs = 0 }, { streams }, { gone }) =>
    streams.state(id, closedWithinMs, gone),
  publish: ({ data }, { streams }) => ({ streams: streams.publish(bytesOf(data)) }),
  dial: ({ host, port, withinMs }) => dial(host, port, withinMs),
  async serve({ open }, { port }) {
    await (open ? port.open() : port.close())
    return null
  },
  whoami: (_takes, _stub, { req }) => peerOf(req.socket),
  database: (_takes, stub) => databaseOf(stub).use(),
  'connect-database': ({ server, certificate }, stub) =>
    databaseOf(stub).connect(server, certificate),
  forget({ nonce }, { records }) {
    records.forget(nonce)
    return null
  },
}

/**
 * Takes orders. Whoever does not know the run's token gets no answer at all, so that the port is
 * as good as closed to all but the steerer.
 */
export function createControl(stub: Controlled): Server {
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS })
  server.on('request', (req, res) => {
    if (!isAllowed(req, stub.settings.token)) {
      req.socket.destroy()
      return
    }
    carryOut(req, res, stub).catch(error => {
      reply(res, 500, { error: error instanceof Error ? error.message : String(error) })
    })
  })
  server.on('clientError', (_error, socket) => {
    socket.destroy()
  })
  return server
}

async function carryOut(
  req: IncomingMessage,
  res: ServerResponse,
  stub: Controlled,
): Promise<void> {
  const name = req.url?.slice(1) ?? ''
  if (req.method !== 'POST' || !isOrder(name)) {
    reply(res, 404, { error: `there is no order ${req.method} ${req.url}` })
    return
  }
  const gone = new AbortController()
  res.on('close', () => gone.abort())
  const handler = handlers[name] as (takes: unknown, stub: Controlled, asker: Asker) => unknown
  const takes: unknown = JSON.parse(await text(req))
  reply(res, 200, await handler(takes, stub, { req, gone: gone.signal }))
}

function isOrder(name: string): name is keyof Orders {
  return Object.hasOwn(handlers, name)
}

function reply(res: ServerResponse, status: number, said: unknown): void {
  const body = JSON.stringify(said)
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  res.end(body)
}

function isAllowed(req: IncomingMessage, token: string): boolean {
  const said = Buffer.from(req.headers.authorization ?? '')
  const due = Buffer.from(`Bearer ${token}`)
  return said.length === due.length && timingSafeEqual(said, due)
}

function bytesOf(data: StreamData): Buffer {
  return 'utf8' in data ? Buffer.from(data.utf8) : Buffer.from(data.base64, 'base64')
}

function databaseOf({ settings, database }: Controlled): Database {
  if (database) return database
  throw new Error(`${settings.role} ${settings.instance} has no connection string`)
}
