import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NONCE_HEADER } from './protocol.ts'
import type { Stub } from './stub.ts'
import { ask, askWhole, openOne, order, sendRaw } from './testing/loopback.ts'

let backend: Stub
let frontend: Stub

beforeAll(async () => {
  backend = await openOne('backend')
  frontend = await openOne('frontend')
})

afterAll(async () => {
  await frontend[Symbol.asyncDispose]()
  await backend[Symbol.asyncDispose]()
})

describe('what a stub records', () => {
  test('the request, exactly as it came', async () => {
    const head = [
      'PUT /api/a%2Fb//c?x=%0d%0a&y=+ HTTP/1.1',
      'HOST: the.real.host',
      `${NONCE_HEADER}: exact`,
      'X-Twice: one',
      'x-twice: zw\xf6lf',
      'Content-Length: 5',
      'Connection: close',
    ]
    await sendRaw(backend.port, `${head.join('\r\n')}\r\n\r\nhello`)
    const [record] = await order(backend, 'requests', { nonce: 'exact', settled: true })
    expect(record).toMatchObject({
      role: 'backend',
      nonce: 'exact',
      method: 'PUT',
      target: '/api/a%2Fb//c?x=%0d%0a&y=+',
      httpVersion: '1.1',
      headers: [
        ['HOST', 'the.real.host'],
        [NONCE_HEADER, 'exact'],
        ['X-Twice', 'one'],
        ['x-twice', 'zw\xf6lf'],
        ['Content-Length', '5'],
        ['Connection', 'close'],
      ],
      peer: { address: '127.0.0.1' },
      localPort: backend.port,
      body: {
        bytes: 5,
        sha256: createHash('sha256').update('hello').digest('hex'),
        complete: true,
      },
      answered: { status: 200 },
    })
    expect(record?.finishedAt).toBeGreaterThanOrEqual(record?.receivedAt ?? Infinity)
  })

  test('a body that was cut off, as incomplete', async () => {
    const socket = connect(backend.port, '127.0.0.1')
    socket.write(
      `POST /api/x HTTP/1.1\r\nHost: h\r\n${NONCE_HEADER}: cut\r\nContent-Length: 9\r\n\r\nabc`,
    )
    await order(backend, 'requests', { nonce: 'cut', atLeast: 1, withinMs: 5_000 })
    socket.destroy()
    const wanted = { nonce: 'cut', atLeast: 1, settled: true, withinMs: 5_000 }
    const [record] = await order(backend, 'requests', wanted)
    expect(record?.abortedAt).toBeDefined()
    expect(record?.body).toMatchObject({ bytes: 3, complete: false })
    expect(record?.answered).toBeUndefined()
  })

  test('HTTP/1.0 without a host', async () => {
    await sendRaw(frontend.port, `GET / HTTP/1.0\r\n${NONCE_HEADER}: old\r\n\r\n`)
    const records = await order(frontend, 'requests', { nonce: 'old' })
    expect(records).toMatchObject([{ httpVersion: '1.0', answered: { status: 200 } }])
  })

  test('a nonce in the query, of clients that cannot set headers', async () => {
    await askWhole(backend, `/api/x?a=1&${NONCE_HEADER}=asked`)
    expect(await order(backend, 'requests', { nonce: 'asked' })).toHaveLength(1)
  })

  test('headers of 100 KiB', async () => {
    const headers = { cookie: 'c'.repeat(100 * 1024) }
    expect(await askWhole(backend, '/api/x', { headers })).toMatchObject({ status: 200 })
  })

  test('a TLS handshake, as foreign', async () => {
    const hello = Buffer.from('1603010005010000010303', 'hex')
    expect(await sendRaw(frontend.port, hello)).toMatch(/^HTTP\/1\.1 400 /)
    const [record] = await order(frontend, 'foreign', { atLeast: 1, withinMs: 5_000 })
    expect(record).toMatchObject({ role: 'frontend', localPort: frontend.port })
    expect(record?.firstBytes).toMatch(/^1603/)
  })

  test('a method that HTTP does not know, as foreign but with its nonce', async () => {
    await sendRaw(backend.port, `TRACK / HTTP/1.1\r\nHost: h\r\n${NONCE_HEADER}: odd\r\n\r\n`)
    const records = await order(backend, 'foreign', { atLeast: 1, withinMs: 5_000 })
    expect(records.at(-1)).toMatchObject({ nonce: 'odd', reason: 'HPE_INVALID_METHOD' })
  })
})

describe('what a backend answers by itself', () => {
  test('a login names the asker, is not to be stored, and sets two cookies', async () => {
    const [a, b] = await Promise.all(
      ['Bearer a', 'Bearer b'].map(authorization =>
        askWhole(backend, '/api/login', { method: 'POST', headers: { authorization }, body: '{}' }),
      ),
    )
    expect(a?.status).toBe(200)
    expect(a?.headers['cache-control']).toBe('no-store')
    expect(a?.headers['set-cookie']).toHaveLength(2)
    for (const cookie of a?.headers['set-cookie'] ?? []) {
      expect(cookie).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    }
    expect(JSON.parse(a?.body ?? '').identity).not.toBe(JSON.parse(b?.body ?? '').identity)
  })

  test('another API request is described, and nothing is said of caching', async () => {
    const { status, headers, body } = await askWhole(backend, '/api/ssex?y=1', {
      nonce: 'described',
    })
    expect(status).toBe(200)
    expect(headers['cache-control']).toBeUndefined()
    expect(JSON.parse(body)).toMatchObject({
      method: 'GET',
      target: '/api/ssex?y=1',
      identity: 'anonymous',
      nonce: 'described',
    })
  })

  test('HEAD has the headers of GET and no body, OPTIONS names the methods', async () => {
    const head = await askWhole(backend, '/api/x', { method: 'HEAD' })
    expect(Number(head.headers['content-length'])).toBeGreaterThan(0)
    expect(head.body).toBe('')
    const options = await askWhole(backend, '/api/login', { method: 'OPTIONS' })
    expect(options).toMatchObject({ status: 204, headers: { 'cache-control': 'no-store' } })
    expect(options.headers.allow).toContain('POST')
  })

  test('with a stripped prefix, the same paths without it', async () => {
    const paths = { api: '/api/', apiAtBackend: '/', login: '/api/login', static: '/_next/static/' }
    await using stripped = await openOne('backend', { paths })
    expect((await askWhole(stripped, '/login')).headers['cache-control']).toBe('no-store')
    expect((await askWhole(stripped, '/users')).status).toBe(200)
  })
})

describe('what a frontend answers by itself', () => {
  test('a page is dynamic, a file of a build is for ever, the API is not here', async () => {
    const page = await askWhole(frontend, '/coaching/sessions')
    expect(page).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
    })
    expect(page.headers['cache-control']).toContain('no-store')
    const file = await askWhole(frontend, '/_next/static/chunks/main.js')
    expect(file.headers).toMatchObject({
      'content-type': 'application/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    })
    expect((await askWhole(frontend, '/api/users')).status).toBe(404)
  })
})

describe('a WebSocket', () => {
  test('gets the handshake of RFC 6455 §1.3, then its own bytes', async () => {
    const socket = connect(backend.port, '127.0.0.1')
    socket.write(
      `GET /api/ws HTTP/1.1\r\nHost: h\r\n${NONCE_HEADER}: ws\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    )
    const [head] = await once(socket, 'data')
    expect(String(head)).toContain('101 Switching Protocols')
    expect(String(head)).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    socket.write('ping')
    expect(String((await once(socket, 'data'))[0])).toBe('ping')
    socket.destroy()
    const wanted = { nonce: 'ws', atLeast: 1, settled: true, withinMs: 5_000 }
    expect(await order(backend, 'requests', wanted)).toMatchObject([{ answered: { status: 101 } }])
  })

  test('any other upgrade is ignored', async () => {
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' }
    const answer = await ask(backend, '/api/x', { headers })
    answer.resume()
    expect(answer.statusCode).toBe(200)
  })
})
