import { describe, expect, it } from 'vitest'
import { citation, coverage, misquoted, specification } from './specification.ts'

const claimOf = (id: string, spec: string) => ({ id, definition: { source: { spec } } })

describe('a citation', () => {
  it('names sentences by their keys, with a hint or without, and standards', () => {
    const spec =
      "Flow Description 5 (secure caching); SSL/TLS (Let's Encrypt; certbot); RFC 9111 §3.5"
    expect(citation({ spec })).toEqual({
      sentences: ['Flow Description 5', 'SSL/TLS'],
      standards: ['RFC 9111 §3.5'],
      unknown: [],
    })
    expect(citation({ standard: 'anything' }).standards).toEqual(['anything'])
  })

  it('knows no key by its beginning', () => {
    expect(citation({ spec: 'Flow Description 12' }).sentences).toEqual([])
    expect(citation({ spec: 'SSL' }).unknown).toEqual(['SSL'])
  })
})

describe('a source that cannot be understood', () => {
  it('is told with the claim and the keys that there are', () => {
    const [message, ...others] = misquoted([
      claimOf('a/b', 'Scaling Limitation'),
      claimOf('a/c', 'Scaling; RFC 1'),
    ])
    expect(others).toEqual([])
    expect(message).toContain('a/c cites “Scaling”')
    for (const { key } of specification) expect(message).toContain(key)
  })

  it('is a standard alone where a sentence is meant', () => {
    expect(misquoted([claimOf('a/b', 'RFC 9110 §15')])).toEqual([
      expect.stringContaining('a/b cites no sentence'),
    ])
  })
})

it('gives each sentence the claims that cite it', () => {
  const covered = coverage([
    claimOf('a/b', 'Flow Description 1; Flow Description 2'),
    claimOf('a/c', 'Flow Description 2'),
  ])
  const of = (key: string) => covered.find(({ sentence }) => sentence.key === key)?.claims
  expect(of('Flow Description 1')).toEqual(['a/b'])
  expect(of('Flow Description 2')).toEqual(['a/b', 'a/c'])
  expect(of('SSL/TLS')).toEqual([])
})
