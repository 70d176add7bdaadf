import { describe, expect, test } from 'vitest'
import type { RequestRecord } from './protocol.ts'
import { Records } from './records.ts'

const now = { atLeast: 0, settled: false, withinMs: 0 }

function record(records: Records, nonce: string | undefined): RequestRecord {
  return {
    id: records.nextId(),
    role: 'backend',
    instance: 'backend',
    nonce,
    method: 'GET',
    target: '/',
    httpVersion: '1.1',
    headers: [],
    peer: { address: '127.0.0.1', port: 1 },
    localPort: 2,
    body: { bytes: 0, sha256: '', complete: true },
    receivedAt: 0,
  }
}

describe('records', () => {
  test('each nonce has its own requests, and so have those without one', async () => {
    const records = new Records()
    const kept = ['a', 'b', 'a', undefined].map(nonce => record(records, nonce))
    for (const each of kept) records.add(each)
    expect(await records.requests('a', now)).toEqual([kept[0], kept[2]])
    expect(await records.requests('b', now)).toEqual([kept[1]])
    expect(await records.requests(undefined, now)).toEqual([kept[3]])
  })

  test('the oldest are dropped when there are too many', async () => {
    const records = new Records(2)
    for (const nonce of ['a', 'b', 'a']) records.add(record(records, nonce))
    expect(await records.requests('a', now)).toMatchObject([{ id: 3 }])
    expect(await records.requests('b', now)).toMatchObject([{ id: 2 }])
  })

  test('who waits for two requests is woken by the second', async () => {
    const records = new Records()
    const two = records.requests('a', { atLeast: 2, settled: false, withinMs: 5_000 })
    records.add(record(records, 'a'))
    records.add(record(records, 'a'))
    expect(await two).toHaveLength(2)
  })

  test('only a request that is over counts as settled', async () => {
    const records = new Records()
    const open = record(records, 'a')
    records.add(open)
    const settled = records.requests('a', { atLeast: 1, settled: true, withinMs: 5_000 })
    open.abortedAt = 5
    records.changed(open)
    expect(await settled).toMatchObject([{ abortedAt: 5 }])
  })

  test('what is forgotten of one nonce leaves the others', async () => {
    const records = new Records()
    for (const nonce of ['a', 'b']) {
      records.add(record(records, nonce))
      records.steer(nonce, { status: 418 })
    }
    records.forget('a')
    expect(await records.requests('a', now)).toEqual([])
    expect(records.steering('a')).toBeUndefined()
    expect(await records.requests('b', now)).toHaveLength(1)
    expect(records.steering('b')).toEqual({ status: 418 })
  })
})
