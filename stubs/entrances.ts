import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { createServer, type Server as SocketServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { CERTIFICATE, KEY } from './protocol.ts'

/** Another way into an HTTP server, for a port of its own. */
export function beside(server: Server): SocketServer {
  return createServer(socket => server.emit('connection', socket))
}

/** Another way into an HTTP server, which speaks TLS with the stub's own certificate. */
export function behindTls(server: Server): SocketServer {
  const credential = { key: readFileSync(KEY), cert: readFileSync(CERTIFICATE) }
  const entrance = createTlsServer(credential, socket => server.emit('connection', socket))
  // A handshake that fails is its client's affair.
  return entrance.on('tlsClientError', () => {})
}
