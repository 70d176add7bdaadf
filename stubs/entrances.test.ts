import { createServer } from 'node:http'
import { get } from 'node:https'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { openBystander } from './bystander.ts'
import { behindTls, beside } from './entrances.ts'
import { ServicePort } from './service-port.ts'
import { createTestAuthority } from './testing/authority.ts'
import { freePort, openOne } from './testing/loopback.ts'

test('one server is entered at several ports, in plain text and over TLS', async () => {
  const authority = await createTestAuthority('entrances')
  const { key, certificate } = await authority.issue('localhost')
  const server = createServer((req, res) =>
    res.end(`${req.url} at ${req.socket.localPort}${'encrypted' in req.socket ? ' over TLS' : ''}`),
  )
  const plain = new ServicePort(beside(server), 0)
  const secure = new ServicePort(behindTls(server, { key, cert: certificate }), 0)
  const [plainPort, securePort] = await Promise.all([plain.open(), secure.open()])
  const answer = await fetch(`http://127.0.0.1:${plainPort}/a`)
  expect(await answer.text()).toBe(`/a at ${plainPort}`)
  const url = { host: '127.0.0.1', servername: 'localhost', port: securePort, path: '/b' }
  const body = await new Promise<string>((resolve, reject) => {
    get({ ...url, ca: authority.root, agent: false }, res => resolve(text(res))).on('error', reject)
  })
  expect(body).toBe(`/b at ${securePort} over TLS`)
  await Promise.all([plain.close(), secure.close()])
})

test('a further port of a stub is taken for its own, and dies with it', async () => {
  const port = await freePort()
  await using stub = await openOne('backend', { further: [{ port, tls: false }] })
  const answer = await fetch(`http://127.0.0.1:${port}/api/x`)
  expect(await answer.json()).toMatchObject({ role: 'backend', target: '/api/x' })
  expect(stub.port).not.toBe(port)
})

test('a bystander agrees to everything, at every port', async () => {
  const ports = await Promise.all([freePort(), freePort()])
  await using _ = await openBystander(ports.map(port => ({ port, tls: false })))
  for (const port of ports) {
    const answer = await fetch(`http://127.0.0.1:${port}/any`, { method: 'POST', body: 'x' })
    expect([answer.status, await answer.text()]).toEqual([200, 'another service\n'])
  }
})
