import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Stub } from './stub.ts'
import { ask, openOne, order } from './testing/loopback.ts'

let backend: Stub

beforeAll(async () => {
  backend = await openOne('backend')
})

afterAll(() => backend[Symbol.asyncDispose]())

async function openStream(nonce: string, path = '/api/sse') {
  const answer = await ask(backend, path, { nonce })
  const state = await order(backend, 'next-stream', { nonce, withinMs: 5_000 })
  if (state === null) throw new Error(`no stream of ${nonce}`)
  return { answer, state }
}

describe('an event stream', () => {
  test('its headers come at once, events only when told, bytes unchanged', async () => {
    const { answer, state } = await openStream('told')
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
    })
    expect(answer.headers['x-accel-buffering']).toBeUndefined()
    expect(answer.headers['content-length']).toBeUndefined()
    expect(state).toMatchObject({ open: true, request: { nonce: 'told', target: '/api/sse' } })
    const data = Buffer.from('data: grüße\n\n')
    await order(backend, 'send', { id: state.id, data: { utf8: data.toString() } })
    expect(await once(answer, 'data')).toEqual([data])
    await order(backend, 'send', {
      id: state.id,
      data: { base64: data.subarray(7, 9).toString('base64') },
    })
    expect(await once(answer, 'data')).toEqual([data.subarray(7, 9)])
    answer.destroy()
  })

  test('a client that leaves closes it', async () => {
    const { answer, state } = await openStream('leaves')
    const closed = order(backend, 'stream-state', { id: state.id, closedWithinMs: 5_000 })
    answer.destroy()
    expect(await closed).toMatchObject({ open: false, closedBy: 'client' })
    const late = await order(backend, 'send', { id: state.id, data: { utf8: 'data: late\n\n' } })
    expect(late.open).toBe(false)
  })

  test('one that is told to end ends properly, or is cut', async () => {
    const ended = await openStream('ends')
    const state = await order(backend, 'end-stream', { id: ended.state.id })
    expect(state).toMatchObject({ open: false, closedBy: 'stub' })
    expect(await ended.answer.toArray()).toEqual([])
    const cut = await openStream('cut')
    await order(backend, 'end-stream', { id: cut.state.id, abruptly: true })
    await expect(cut.answer.toArray()).rejects.toThrow('aborted')
  })

  test('each stream of a nonce is handed out once, in the order of opening', async () => {
    const first = await ask(backend, '/api/sse', { nonce: 'two' })
    const second = await ask(backend, '/api/sse', { nonce: 'two' })
    const next = () => order(backend, 'next-stream', { nonce: 'two' })
    const [a, b, c] = [await next(), await next(), await next()]
    expect(a?.id).toBeLessThan(b?.id ?? 0)
    expect(c).toBeNull()
    first.destroy()
    second.destroy()
  })

  test('publishing reaches every open one', async () => {
    await using hub = await openOne('backend')
    const answers = await Promise.all([1, 2, 3].map(() => ask(hub, '/api/sse')))
    const arrived = answers.map(answer => once(answer, 'data'))
    expect(await order(hub, 'publish', { data: { utf8: ': all\n\n' } })).toEqual({ streams: 3 })
    for (const chunk of await Promise.all(arrived)) expect(String(chunk)).toBe(': all\n\n')
    for (const answer of answers) answer.destroy()
  })

  test('HEAD opens none', async () => {
    const answer = await ask(backend, '/api/sse', { method: 'HEAD', nonce: 'head' })
    expect(answer.headers['content-type']).toBe('text/event-stream')
    expect(await order(backend, 'next-stream', { nonce: 'head' })).toBeNull()
  })

  test('any path becomes one by steering, with the headers given', async () => {
    const headers: [string, string][] = [['X-Accel-Buffering', 'no']]
    await order(backend, 'steer', { nonce: 'elsewhere', steering: { stream: true, headers } })
    const { answer } = await openStream('elsewhere', '/api/login')
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'x-accel-buffering': 'no',
    })
    expect(answer.headers['set-cookie']).toBeUndefined()
    answer.destroy()
  })

  test('its path can be steered to another status, which opens none', async () => {
    await order(backend, 'steer', { nonce: 'stopped', steering: { status: 204 } })
    const answer = await ask(backend, '/api/sse', { nonce: 'stopped' })
    expect(answer.statusCode).toBe(204)
    expect(await answer.toArray()).toEqual([])
    expect(await order(backend, 'next-stream', { nonce: 'stopped' })).toBeNull()
  })

  test('one that nobody knows is an error', async () => {
    await expect(order(backend, 'stream-state', { id: 4711 })).rejects.toThrow('no stream 4711')
  })
})
