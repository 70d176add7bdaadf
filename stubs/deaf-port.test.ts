import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { askWhole, openOne, order } from './testing/loopback.ts'

test('a stub that vanished leaves who dials it without an answer, counts them, and comes back', async () => {
  await using backend = await openOne('backend')
  expect((await askWhole(backend, '/api/x')).status).toBe(200)
  await order(backend, 'deafen', {})
  expect(await order(backend, 'knocks', {})).toEqual({ knocks: 0 })
  const dialling = connect(backend.port, '127.0.0.1')
  dialling.on('error', () => {})
  await expect.poll(async () => (await order(backend, 'knocks', {})).knocks).toBeGreaterThan(0)
  expect(dialling.connecting).toBe(true)
  dialling.destroy()
  await order(backend, 'serve', { open: true })
  expect((await askWhole(backend, '/api/x')).status).toBe(200)
})

test('a stub that vanished may die', async () => {
  await using backend = await openOne('backend')
  await order(backend, 'deafen', {})
  await order(backend, 'serve', { open: false })
  const [error] = await once(connect(backend.port, '127.0.0.1'), 'error')
  expect(error.code).toBe('ECONNREFUSED')
})
