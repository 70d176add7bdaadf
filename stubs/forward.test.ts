import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { NONCE_HEADER } from './protocol.ts'
import { ask, askWhole, openOne, openPair, order, PATHS, sendRaw } from './testing/loopback.ts'

describe('an API request at a frontend', () => {
  test('reaches the backend with method, target, headers and body as they were', async () => {
    await using pair = await openPair()
    const head = [
      'PATCH /api/a%2Fb?q=%C3%BC HTTP/1.1',
      'HOST: the.real.host',
      `${NONCE_HEADER}: on`,
      'X-B: 1',
      'x-b: 2',
      'Connection: close, X-Gone',
      'X-Gone: 1',
      'Content-Length: 3',
    ]
    await sendRaw(pair.frontend.port, `${head.join('\r\n')}\r\n\r\nabc`)
    const [near] = await order(pair.frontend, 'requests', { nonce: 'on', settled: true })
    const [far] = await order(pair.backend, 'requests', { nonce: 'on' })
    expect(near?.headers).toContainEqual(['X-Gone', '1'])
    expect(near?.answered?.status).toBe(200)
    expect(far).toMatchObject({ method: 'PATCH', target: '/api/a%2Fb?q=%C3%BC', body: near?.body })
    expect(far?.headers.filter(([name]) => name.toLowerCase() !== 'connection')).toEqual([
      ['HOST', 'the.real.host'],
      [NONCE_HEADER, 'on'],
      ['X-B', '1'],
      ['x-b', '2'],
      ['Content-Length', '3'],
    ])
  })

  test.each(['GET', 'POST', 'DELETE', 'OPTIONS'])(
    '%s without a body stays without',
    async method => {
      await using pair = await openPair()
      const asked = `${method} /api/x HTTP/1.1\r\nHost: h\r\n${NONCE_HEADER}: none\r\nConnection: close\r\n\r\n`
      expect(await sendRaw(pair.frontend.port, asked)).toMatch(/^HTTP\/1\.1 20[04] /)
      const [far] = await order(pair.backend, 'requests', { nonce: 'none' })
      expect(far?.body).toMatchObject({ bytes: 0, complete: true })
      const framing = far?.headers.filter(([name]) => /length|transfer/i.test(name))
      expect(framing).toEqual([])
    },
  )

  test('a body in chunks arrives in chunks, with its trailers, while it is still being sent', async () => {
    await using pair = await openPair()
    const headers = { [NONCE_HEADER]: 'chunks', trailer: 'x-sum' }
    const { port } = pair.frontend
    const sent = request({ host: '127.0.0.1', port, path: '/api/x', method: 'POST', headers })
    sent.write('one')
    const [early] = await order(pair.backend, 'requests', {
      nonce: 'chunks',
      atLeast: 1,
      withinMs: 5_000,
    })
    expect(early?.body.complete).toBe(false)
    sent.addTrailers({ 'x-sum': '1' })
    sent.end('two')
    const [answer] = await once(sent, 'response')
    answer.resume()
    const [far] = await order(pair.backend, 'requests', { nonce: 'chunks' })
    expect(far?.body).toMatchObject({ bytes: 6, complete: true })
    expect(far?.headers).toContainEqual(['Transfer-Encoding', 'chunked'])
    expect(far?.trailers).toEqual([['x-sum', '1']])
  })

  test('is answered as the backend answers: repeats, order, trailers', async () => {
    await using pair = await openPair()
    const steering = {
      status: 201,
      headers: [
        ['Set-Cookie', 'a=1'],
        ['SET-cookie', 'b=2'],
        ['Keep-Alive', 'timeout=1'],
      ] as [string, string][],
      body: 'made',
      trailers: [['X-Sum', '9']] as [string, string][],
    }
    await order(pair.backend, 'steer', { nonce: 'back', steering })
    const { status, body, answer } = await askWhole(pair.frontend, '/api/x', { nonce: 'back' })
    expect({ status, body }).toEqual({ status: 201, body: 'made' })
    expect(answer.rawHeaders.join('|')).toContain('Set-Cookie|a=1|SET-cookie|b=2')
    expect(answer.rawTrailers).toEqual(['X-Sum', '9'])
    expect(answer.rawHeaders.filter(name => name === 'Date')).toHaveLength(1)
  })

  test('loses its prefix where the backend does not have it', async () => {
    const paths = { ...PATHS, apiAtBackend: '/' }
    await using backend = await openOne('backend', { paths })
    const backendUrl = new URL(`http://127.0.0.1:${backend.port}`)
    await using frontend = await openOne('frontend', { paths, backendUrl })
    await askWhole(frontend, '/api/users?x=1', { nonce: 'stripped' })
    expect(await order(backend, 'requests', { nonce: 'stripped' })).toMatchObject([
      { target: '/users?x=1' },
    ])
  })

  test('a steered frontend answers itself', async () => {
    await using pair = await openPair()
    await order(pair.frontend, 'steer', { nonce: 'self', steering: { status: 418 } })
    expect((await askWhole(pair.frontend, '/api/x', { nonce: 'self' })).status).toBe(418)
    expect(await order(pair.backend, 'requests', { nonce: 'self' })).toEqual([])
  })

  test('a page never reaches the backend', async () => {
    await using pair = await openPair()
    await askWhole(pair.frontend, '/apiary', { nonce: 'page' })
    expect(await order(pair.backend, 'requests', { nonce: 'page' })).toEqual([])
  })
})

describe('an event stream through a frontend', () => {
  test('headers and events pass at once; a client that leaves ends it at the backend', async () => {
    await using pair = await openPair()
    const answer = await ask(pair.frontend, '/api/sse', { nonce: 'stream' })
    expect(answer.headers['content-type']).toBe('text/event-stream')
    const state = await order(pair.backend, 'next-stream', { nonce: 'stream', withinMs: 5_000 })
    const id = state?.id ?? 0
    await order(pair.backend, 'send', { id, data: { utf8: 'data: 1\n\n' } })
    expect(String((await once(answer, 'data'))[0])).toBe('data: 1\n\n')
    answer.destroy()
    const closed = await order(pair.backend, 'stream-state', { id, closedWithinMs: 5_000 })
    expect(closed).toMatchObject({ open: false, closedBy: 'client' })
  })

  test('one that the backend cuts is cut for the client', async () => {
    await using pair = await openPair()
    const answer = await ask(pair.frontend, '/api/sse', { nonce: 'cut' })
    const state = await order(pair.backend, 'next-stream', { nonce: 'cut', withinMs: 5_000 })
    await order(pair.backend, 'end-stream', { id: state?.id ?? 0, abruptly: true })
    await expect(answer.toArray()).rejects.toThrow('aborted')
    const [near] = await order(pair.frontend, 'requests', { nonce: 'cut' })
    expect(near?.abortedAt).toBeUndefined()
  })
})

describe('a backend that is not there', () => {
  test('makes 502, and is used again once it is back', async () => {
    const gone = await openOne('backend')
    const backendUrl = new URL(`http://127.0.0.1:${gone.port}`)
    await using frontend = await openOne('frontend', { backendUrl })
    expect((await askWhole(frontend, '/api/x')).status).toBe(200)
    await gone[Symbol.asyncDispose]()
    expect((await askWhole(frontend, '/api/x')).status).toBe(502)
    expect((await askWhole(frontend, '/')).status).toBe(200)
    await using _back = await openOne('backend', { port: gone.port })
    expect((await askWhole(frontend, '/api/x')).status).toBe(200)
  })

  test('one that dies unanswered makes 502, and the request is not sent again', async () => {
    await using pair = await openPair()
    await order(pair.backend, 'steer', { nonce: 'once', steering: { dieUnanswered: true } })
    const answer = await askWhole(pair.frontend, '/api/x', {
      method: 'POST',
      body: 'b',
      nonce: 'once',
    })
    expect(answer.status).toBe(502)
    expect(await order(pair.backend, 'requests', { nonce: 'once' })).toHaveLength(1)
  })
})

describe('an upgrade through a frontend', () => {
  test('passes to the backend, and bytes both ways', async () => {
    await using pair = await openPair()
    const socket = connect(pair.frontend.port, '127.0.0.1')
    socket.write(
      `GET /api/ws HTTP/1.1\r\nHost: h\r\n${NONCE_HEADER}: ws\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nearly',
    )
    let heard = ''
    for await (const chunk of socket) {
      heard += chunk
      if (heard.endsWith('early')) break
    }
    expect(heard).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    socket.destroy()
    const wanted = { nonce: 'ws', atLeast: 1, settled: true, withinMs: 5_000 }
    expect(await order(pair.backend, 'requests', wanted)).toMatchObject([
      { answered: { status: 101 } },
    ])
  })
})
