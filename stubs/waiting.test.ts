import { describe, expect, test } from 'vitest'
import { Waiting } from './waiting.ts'

describe('waiting', () => {
  test('what is known already is given at once', async () => {
    expect(await new Waiting().until('key', () => 'here', { withinMs: 0 })).toBe('here')
  })

  test('a change of the key wakes the one who waits, one of another key does not', async () => {
    const waiting = new Waiting()
    let value: string | undefined
    let looks = 0
    const look = () => {
      looks += 1
      return value
    }
    const found = waiting.until('key', look, { withinMs: 5_000 })
    waiting.changed('another key')
    expect(looks).toBe(1)
    value = 'here'
    waiting.changed('key')
    expect(await found).toBe('here')
  })

  test('the time being up gives nothing', async () => {
    expect(await new Waiting().until('key', () => undefined, { withinMs: 10 })).toBeUndefined()
  })

  test('waiting ends when the asker has gone', async () => {
    const asker = new AbortController()
    const patience = { withinMs: 60_000, gone: asker.signal }
    const found = new Waiting().until('key', () => undefined, patience)
    asker.abort()
    expect(await found).toBeUndefined()
  })
})
