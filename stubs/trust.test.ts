import { once } from 'node:events'
import { connect, createServer } from 'node:tls'
import { expect, test } from 'vitest'
import { createAuthority } from '../fixtures/topology/certificates.ts'
import { trust } from './trust.ts'

test('authorities are trusted where a connection names none, each of a file', async () => {
  const authority = await createAuthority()
  const { key, certificate, chain } = await authority.issue(['localhost'])
  const server = createServer({ key, cert: certificate + chain }, socket => socket.end())
  server.on('tlsClientError', () => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const outcome = async () => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost' })
    const secure = once(socket, 'secureConnect').then(() => 'trusted')
    return secure
      .catch(error => (error as NodeJS.ErrnoException).code)
      .finally(() => socket.destroy())
  }
  try {
    expect(await outcome()).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
    trust(authority.roots.join(''))
    expect(await outcome()).toBe('trusted')
  } finally {
    server.close()
  }
})
