import { beforeAll, describe, expect, it } from 'vitest'
import type { stated } from '../fixtures/claim.ts'
import { CATALOGUE, claimIds } from './claim-ids.ts'
import { everyClaim } from './every-claim.ts'
import { coverage, misquoted } from './specification.ts'

/** Every claim of every suite, by its id. */
let claims: typeof stated = []

beforeAll(async () => {
  claims = await everyClaim()
})

describe('the catalogue', () => {
  it('states something', () => {
    expect(claims.length).toBeGreaterThan(0)
  })

  it('gives each claim an id of its own', () => {
    const ids = claims.map(({ id }) => id)
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
    expect(ids.filter(id => !/^[a-z]+\/[a-z0-9][a-z0-9.-]*$/.test(id))).toEqual([])
  })

  it('promises this, and a change of it is a visible act', async () => {
    const promises = claims.map(({ id, definition: { level, says } }) => {
      const shown = typeof level === 'string' ? level : 'as promised'
      return `${id} (${shown})\n    ${says}\n`
    })
    await expect(promises.join('')).toMatchFileSnapshot(CATALOGUE)
  })

  it('is known without loading it', async () => {
    expect(await claimIds()).toEqual(claims.map(({ id }) => id))
  })

  it('says where each sentence comes from', () => {
    const without = claims.filter(({ definition: { source } }) => {
      const cited = 'spec' in source ? source.spec : source.standard
      return cited.trim() === ''
    })
    expect(without.map(({ id }) => id)).toEqual([])
  })

  it('cites sentences that the specification has', () => {
    expect(misquoted(claims)).toEqual([])
  })

  it('proves every sentence of the specification', () => {
    const unproved = coverage(claims).filter(each => each.claims.length === 0)
    expect(unproved.map(({ sentence }) => `${sentence.key}: ${sentence.text}`)).toEqual([])
  })

  it('shows of each claim that it can fail', () => {
    const without = claims.filter(
      ({ definition: { brokenBy = [], unbreakable } }) =>
        brokenBy.length === 0 && unbreakable === undefined,
    )
    expect(without.map(({ id }) => id)).toEqual([])
  })

  it('tells the controls of one claim apart', () => {
    const twice = claims.flatMap(({ id, definition: { brokenBy = [] } }) => {
      const names = brokenBy.map(({ name }) => name)
      return names.filter((name, at) => names.indexOf(name) !== at).map(name => `${id} ← ${name}`)
    })
    expect(twice).toEqual([])
  })
})
