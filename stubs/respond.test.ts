import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NONCE_HEADER, type Steering } from './protocol.ts'
import type { Stub } from './stub.ts'
import { ask, askWhole, openOne, order } from './testing/loopback.ts'

let backend: Stub

beforeAll(async () => {
  backend = await openOne('backend')
})

afterAll(() => backend[Symbol.asyncDispose]())

async function steered(nonce: string, steering: Steering, path = '/api/x') {
  await order(backend, 'steer', { nonce, steering })
  return askWhole(backend, path, { nonce })
}

describe('steering', () => {
  test('status, repeated headers in their order and case, and body', async () => {
    const { status, body, answer } = await steered('plain', {
      status: 418,
      headers: [
        ['X-A', '1'],
        ['x-a', '2'],
        ['Content-Type', 'text/plain'],
      ],
      body: 'grüße',
    })
    expect({ status, body }).toEqual({ status: 418, body: 'grüße' })
    const names = answer.rawHeaders.filter((_, index) => index % 2 === 0)
    expect(names).toEqual(expect.arrayContaining(['X-A', 'x-a']))
    expect(answer.headers['content-type']).toBe('text/plain')
    expect(answer.headers['content-length']).toBe('7')
  })

  test('an answer keeps what the steering does not mention', async () => {
    const { status, headers } = await steered('kept', { status: 401 }, '/api/login')
    expect(status).toBe(401)
    expect(headers['cache-control']).toBe('no-store')
  })

  test('a body may be left untaken', async () => {
    await order(backend, 'steer', { nonce: 'unread', steering: { unread: true } })
    const socket = connect(backend.port, '127.0.0.1')
    const bytes = 64 * 1024 * 1024
    const head = `POST /api/x HTTP/1.1\r\nHost: a\r\n${NONCE_HEADER}: unread\r\nContent-Length: ${bytes}\r\n\r\n`
    socket.write(head)
    expect(socket.write(Buffer.alloc(bytes))).toBe(false)
    const [record] = (await order(backend, 'requests', {
      nonce: 'unread',
      atLeast: 1,
      withinMs: 5_000,
    })) as { body: { complete: boolean } }[]
    expect(record?.body.complete).toBe(false)
    expect(socket.writableLength).toBeGreaterThan(0)
    socket.destroy()
  })

  test('headers can be left out, those that Node adds too', async () => {
    const without = ['date', 'content-type', 'content-length']
    const { headers } = await steered('without', { without, body: 'x' })
    for (const name of without) expect(headers[name]).toBeUndefined()
    expect(headers['transfer-encoding']).toBe('chunked')
  })

  test('a generated body of 3 MB, and bytes that are no text', async () => {
    expect((await steered('big', { bodyBytes: 3_000_000 })).body).toHaveLength(3_000_000)
    const bytes = Buffer.from([0xff, 0x00, 0x41])
    await order(backend, 'steer', {
      nonce: 'bytes',
      steering: { bodyBase64: bytes.toString('base64') },
    })
    const answer = await ask(backend, '/api/x', { nonce: 'bytes' })
    expect(Buffer.concat(await answer.toArray())).toEqual(bytes)
  })

  test('trailers', async () => {
    const { answer } = await steered('trailers', { body: 'x', trailers: [['X-Sum', '1']] })
    expect(answer.headers.trailer).toBe('X-Sum')
    expect(answer.rawTrailers).toEqual(['X-Sum', '1'])
  })

  test('a delay', async () => {
    const began = performance.now()
    await steered('late', { delayMs: 60 })
    expect(performance.now() - began).toBeGreaterThan(55)
  })

  test('a held request stays open until its client goes', async () => {
    await order(backend, 'steer', { nonce: 'held', steering: { hold: true } })
    const socket = connect(backend.port, '127.0.0.1')
    socket.write(
      `POST /api/x HTTP/1.1\r\nHost: h\r\n${NONCE_HEADER}: held\r\nContent-Length: 2\r\n\r\nab`,
    )
    await order(backend, 'requests', { nonce: 'held', atLeast: 1, withinMs: 5_000 })
    socket.destroy()
    const wanted = { nonce: 'held', atLeast: 1, settled: true, withinMs: 5_000 }
    const [record] = await order(backend, 'requests', wanted)
    expect(record?.abortedAt).toBeDefined()
    expect(record?.answered).toBeUndefined()
    expect(record?.body).toMatchObject({ bytes: 2, complete: true })
  })

  test('death after so many bytes of the body', async () => {
    await order(backend, 'steer', {
      nonce: 'dies',
      steering: { bodyBytes: 100_000, dieAfterBytes: 70_000 },
    })
    const answer = await ask(backend, '/api/x', { nonce: 'dies' })
    let bytes = 0
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    const [error] = await once(answer, 'error')
    expect(error.message).toBe('aborted')
    expect(bytes).toBe(70_000)
    const [record] = await order(backend, 'requests', { nonce: 'dies', settled: true })
    expect(record?.finishedAt).toBeDefined()
    expect(record?.abortedAt).toBeUndefined()
  })

  test('death after the headers, and without any answer', async () => {
    await order(backend, 'steer', { nonce: 'head', steering: { body: 'x', dieAfterBytes: 0 } })
    const answer = await ask(backend, '/api/x', { nonce: 'head' })
    expect(answer.headers['content-length']).toBe('1')
    await expect(answer.toArray()).rejects.toThrow('aborted')
    await expect(steered('mute', { dieUnanswered: true })).rejects.toThrow('socket hang up')
    const [record] = await order(backend, 'requests', { nonce: 'mute' })
    expect(record?.answered).toBeUndefined()
    expect(record?.finishedAt).toBeDefined()
  })

  test('what cannot be sent is said so', async () => {
    const { status, body } = await steered('bad', { headers: [['X-Bad', 'a\nb']] })
    expect(status).toBe(500)
    expect(body).toContain('the stub cannot answer as told')
  })

  test('a request with another nonce is not concerned', async () => {
    await order(backend, 'steer', { nonce: 'one', steering: { status: 500 } })
    expect((await askWhole(backend, '/api/x', { nonce: 'other' })).status).toBe(200)
  })
})

describe('a request that needs the database', () => {
  test('is answered with 503 where there is none, and says why', async () => {
    await using apart = await openOne('backend', {
      databaseUrl: 'postgres://app:s3cret@127.0.0.1:1/app?sslmode=disable',
    })
    await order(apart, 'steer', { nonce: 'asks', steering: { querySeconds: 0 } })
    const { status, body } = await askWhole(apart, '/api/x', { nonce: 'asks' })
    expect(status).toBe(503)
    expect(body).toContain('ECONNREFUSED')
    expect(body).not.toContain('s3cret')
    expect(await steered('none', { querySeconds: 0 })).toMatchObject({ status: 503 })
  })
})
