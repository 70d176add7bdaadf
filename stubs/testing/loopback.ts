import { once } from 'node:events'
import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { NONCE_HEADER, type Orders, type StubPaths } from '../protocol.ts'
import type { Settings } from '../settings.ts'
import { openStub, type Stub } from '../stub.ts'

/** A token like any other. */
export const TOKEN = 'a token for tests'

export const PATHS: StubPaths = {
  api: '/api/',
  apiAtBackend: '/api/',
  login: '/api/login',
  stream: '/api/sse',
  static: '/_next/static/',
}

/** A stub on free ports of this machine, as wholly ordinary as `deviations` leave it. */
export function openOne(
  role: 'frontend' | 'backend',
  deviations: Partial<Settings> = {},
): Promise<Stub> {
  const ports = { port: 0, controlPort: 0 }
  const settings = { role, instance: role, token: TOKEN, paths: PATHS, tls: false, further: [] }
  return openStub({ ...settings, ...ports, ...deviations })
}

/** A frontend that forwards API requests to a backend. */
export async function openPair(): Promise<{ frontend: Stub; backend: Stub } & AsyncDisposable> {
  const backend = await openOne('backend')
  const backendUrl = new URL(`http://127.0.0.1:${backend.port}`)
  const frontend = await openOne('frontend', { backendUrl })
  return {
    frontend,
    backend,
    async [Symbol.asyncDispose]() {
      await frontend[Symbol.asyncDispose]()
      await backend[Symbol.asyncDispose]()
    },
  }
}

/** Gives a stub an order, as its steerer does. */
export async function order<Name extends keyof Orders>(
  stub: Stub,
  name: Name,
  takes: Orders[Name]['takes'],
): Promise<Orders[Name]['gives']> {
  const answer = await fetch(`http://127.0.0.1:${stub.controlPort}/${name}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(takes),
  })
  const said: unknown = await answer.json()
  if (!answer.ok) throw new Error((said as { error: string }).error)
  return said as Orders[Name]['gives']
}

interface Asked {
  method?: string
  headers?: OutgoingHttpHeaders
  nonce?: string
  body?: string | Buffer
}

/** Sends a request on a connection of its own, and gives the answer when its headers are there. */
export async function ask(stub: Stub, path: string, asked: Asked = {}): Promise<IncomingMessage> {
  const nonce = asked.nonce === undefined ? {} : { [NONCE_HEADER]: asked.nonce }
  const headers = { ...nonce, ...asked.headers }
  const { method = 'GET', body } = asked
  const sent = request({ host: '127.0.0.1', port: stub.port, path, method, headers, agent: false })
  sent.end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

/** As `ask`, with the whole body. */
export async function askWhole(stub: Stub, path: string, asked: Asked = {}) {
  const answer = await ask(stub, path, asked)
  const body = await text(answer)
  return { status: answer.statusCode, headers: answer.headers, body, answer }
}

/** Sends bytes as they are and gives all that comes back until the connection ends. */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes, 'latin1')
  const answer: Buffer[] = []
  socket.on('data', (chunk: Buffer) => answer.push(chunk))
  await once(socket, 'close')
  return Buffer.concat(answer).toString('latin1')
}
