import { expect, test } from 'vitest'
import { Redis } from './redis.ts'
import { openOne, order } from './testing/loopback.ts'

test('a Redis that is not there is told of, without its password', async () => {
  const redis = new Redis('redis://:s3cret@127.0.0.1:1', () => {})
  for (const record of [await redis.use(), await redis.publish(Buffer.from('data: x\n\n'))]) {
    expect(record).toMatchObject({
      connected: false,
      error: expect.stringContaining('ECONNREFUSED'),
    })
    expect(record.error).not.toContain('s3cret')
  }
  redis.close()
})

test('a backend without the address of one says so', async () => {
  await using stub = await openOne('backend')
  await expect(order(stub, 'redis', {})).rejects.toThrow(
    'backend backend has no address of a Redis',
  )
})
