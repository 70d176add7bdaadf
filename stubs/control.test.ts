import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Stub } from './stub.ts'
import { openOne, order, sendRaw, TOKEN } from './testing/loopback.ts'

let backend: Stub

beforeAll(async () => {
  backend = await openOne('backend')
})

afterAll(() => backend[Symbol.asyncDispose]())

describe('the control port', () => {
  test.each([
    ['no token', ''],
    ['another token', 'Authorization: Bearer another token for it\r\n'],
    ['the token and more', `Authorization: Bearer ${TOKEN}x\r\n`],
  ])('says nothing to %s', async (_, header) => {
    const asked = `POST /whoami HTTP/1.1\r\nHost: h\r\n${header}Content-Length: 2\r\n\r\n{}`
    expect(await sendRaw(backend.controlPort, asked)).toBe('')
  })

  test('says nothing to what is not HTTP', async () => {
    expect(await sendRaw(backend.controlPort, 'anyone there?\r\n\r\n')).toBe('')
  })

  test('names an order that there is not', async () => {
    const answer = await fetch(`http://127.0.0.1:${backend.controlPort}/obey`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    expect(answer.status).toBe(404)
    expect(await answer.json()).toEqual({ error: 'there is no order POST /obey' })
  })

  test('tells who asks', async () => {
    const socket = connect(backend.controlPort, '127.0.0.1')
    socket.write(
      `POST /whoami HTTP/1.1\r\nAuthorization: Bearer ${TOKEN}\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}`,
    )
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toContain(`{"address":"127.0.0.1","port":${socket.localPort}}`)
    socket.destroy()
  })

  test('dials', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const there = { host: '127.0.0.1', port, withinMs: 5_000 }
    expect(await order(backend, 'dial', there)).toMatchObject({ reached: true })
    await new Promise(resolve => server.close(resolve))
    const gone = await order(backend, 'dial', there)
    expect(gone).toMatchObject({ reached: false, error: expect.stringContaining('ECONNREFUSED') })
  })

  test('says that a stub without a connection string has no database', async () => {
    await expect(order(backend, 'database', {})).rejects.toThrow('has no connection string')
  })
})
