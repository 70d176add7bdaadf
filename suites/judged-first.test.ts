import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type ClaimDefinition, stated } from '../fixtures/claim.ts'
import { JUDGED_FIRST, placeOf } from './judged-first.ts'

/** A claim, with the file that states it and the claims that it rests on. */
interface Resting {
  id: string
  file: string
  restsOn: readonly string[]
}

const claims: Resting[] = []
const suites: string[] = []

beforeAll(async () => {
  for await (const suite of glob('*/*.ts', { cwd: import.meta.dirname })) {
    if (suite.endsWith('.test.ts')) continue
    const file = join(import.meta.dirname, suite)
    const before = stated.length
    await import(/* @vite-ignore */ file)
    suites.push(suite.replace(/\.ts$/, ''))
    for (const { id, definition } of stated.slice(before))
      claims.push({ id, file, restsOn: prerequisitesOf(definition) })
  }
})

describe('what claims rest on', () => {
  it('is known', () => {
    const ids = claims.map(({ id }) => id)
    const unknown = claims.flatMap(({ id, restsOn }) =>
      restsOn.filter(each => !ids.includes(each)).map(each => `${id} → ${each}`),
    )
    expect(unknown).toEqual([])
  })

  it('is stated in the same suite, or in one that is judged before', () => {
    const late = claims.flatMap(({ id, file, restsOn }) =>
      claims
        .filter(other => restsOn.includes(other.id) && other.file !== file)
        .filter(other => placeOf(other.file) >= placeOf(file))
        .map(other => `${id} → ${other.id}`),
    )
    expect(late).toEqual([])
  })

  it('never leads back to where it began', () => {
    const circles = claims.filter(({ id }) => reachable(id).has(id)).map(({ id }) => id)
    expect(circles).toEqual([])
  })
})

describe('the suites that are judged first', () => {
  it('are there', () => {
    expect(JUDGED_FIRST.filter(suite => !suites.includes(suite))).toEqual([])
  })

  it('state what something rests on', () => {
    const needed = new Set(claims.flatMap(({ restsOn }) => restsOn))
    const files = claims.filter(({ id }) => needed.has(id)).map(({ file }) => file)
    const idle = JUDGED_FIRST.filter(suite => !files.some(file => file.endsWith(`/${suite}.ts`)))
    expect(idle).toEqual([])
  })
})

function prerequisitesOf({ restsOn = [], arrivesBy = [] }: ClaimDefinition): string[] {
  return [...restsOn, ...arrivesBy]
}

/** All claims that one rests on, over others too. */
function reachable(id: string, seen = new Set<string>()): Set<string> {
  for (const next of claims.find(claim => claim.id === id)?.restsOn ?? [])
    if (!seen.has(next)) {
      seen.add(next)
      reachable(next, seen)
    }
  return seen
}
