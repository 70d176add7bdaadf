import { createServer } from 'node:http'
import { behindTls, beside } from './entrances.ts'
import type { StubPort } from './protocol.ts'
import { ServicePort } from './service-port.ts'

/**
 * Stands for the services of a platform that no claim speaks of: an administrator's page, a service that
 * tells whether somebody has logged in. Whatever it is asked, it agrees.
 *
 * @throws Error when a port is taken.
 */
export async function openBystander(ports: StubPort[]): Promise<AsyncDisposable> {
  const server = createServer({ requestTimeout: 0, headersTimeout: 0 }, (req, res) => {
    req.resume()
    req.on('end', () => {
      res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
      res.end('another service\n')
    })
  })
  const open = ports.map(
    ({ port, tls }) => new ServicePort(tls ? behindTls(server) : beside(server), port),
  )
  await Promise.all(open.map(each => each.open()))
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(open.map(each => each.close()))
    },
  }
}
