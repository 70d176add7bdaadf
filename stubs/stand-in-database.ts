import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { DatabaseRecord, StandInCertificate } from './protocol.ts'

/** A database server that nobody should trust. It lets no one in; it only notes who would have come. */
export interface StandInDatabase extends AsyncDisposable {
  port: number
  /** How the first start-up message came, if one did. */
  wentOn: NonNullable<DatabaseRecord['wentOn']>
}

/** Codes in place of a protocol version: requests for encryption (protocol 3.0, §55.7). */
const SSL_REQUEST = 80_877_103
const GSS_REQUEST = 80_877_104
const TLS_HANDSHAKE = 0x16

/** Opens one on a free port of the loopback; without a certificate it says "no" to encryption. */
export async function openStandInDatabase(
  certificate?: StandInCertificate,
): Promise<StandInDatabase> {
  const context =
    certificate && createSecureContext({ cert: certificate.certificate, key: certificate.key })
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    greet(socket, { context, wentOn: how => note(how) })
  })
  await listening(server)
  const address = server.address()
  const standIn: StandInDatabase = {
    port: typeof address === 'object' && address ? address.port : 0,
    wentOn: 'no',
    async [Symbol.asyncDispose]() {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  const note = (how: StandInDatabase['wentOn']) => {
    if (standIn.wentOn === 'no') standIn.wentOn = how
  }
  return standIn
}

interface Manner {
  context: SecureContext | undefined
  wentOn: (how: 'in plain text' | 'encrypted') => void
}

function greet(socket: Socket, manner: Manner): void {
  socket.once('data', (first: Buffer) => {
    const code = first.length >= 8 ? first.readUInt32BE(4) : 0
    if (code === GSS_REQUEST) {
      socket.write('N')
      greet(socket, manner)
    } else if (code === SSL_REQUEST && manner.context) {
      socket.write('S')
      encrypt(socket, manner)
    } else if (code === SSL_REQUEST) {
      socket.write('N')
      greet(socket, manner)
    } else if (first[0] === TLS_HANDSHAKE) {
      // A client that begins TLS without asking (`sslnegotiation=direct`).
      if (!manner.context) socket.destroy()
      else {
        // Kept for the TLS layer to read; a flowing socket would drop it.
        socket.pause()
        socket.unshift(first)
        encrypt(socket, manner)
      }
    } else {
      manner.wentOn('in plain text')
      refuse(socket)
    }
  })
}

function encrypt(socket: Socket, manner: Manner): void {
  const encrypted = new TLSSocket(socket, {
    isServer: true,
    secureContext: manner.context,
    ALPNProtocols: ['postgresql'],
  })
  // A client that refuses the certificate ends the handshake with an alert.
  encrypted.on('error', () => {})
  encrypted.once('data', () => {
    manner.wentOn('encrypted')
    refuse(encrypted)
  })
}

/** An ErrorResponse as a server sends it that has no place for this client. */
function refuse(socket: Duplex): void {
  const fields = 'SFATAL\0VFATAL\0C28000\0Mthis server is a stand-in and lets no one in\0\0'
  const message = Buffer.alloc(5 + fields.length)
  message.write('E', 0, 'latin1')
  message.writeUInt32BE(4 + fields.length, 1)
  message.write(fields, 5, 'latin1')
  socket.end(message)
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
}
