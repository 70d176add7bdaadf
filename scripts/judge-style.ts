import { matchesGlob } from 'node:path/posix'
import type { Style } from '../fixtures/platform/styles/style.ts'
import type { ClaimRecord } from '../fixtures/verdict/schema.ts'

/** What the gate said of a platform: its claims, or the words of its refusal. */
export type Said = { claims: Pick<ClaimRecord, 'id' | 'level' | 'verdict'>[] } | { refusal: string }

/** In which way a verdict differs from the one that the platform deserves, a line each; none where it does not. */
export function differences(style: Style, said: Said): string[] {
  if ('refusal' in said) {
    if (style.must !== 'refused') return [`refused: ${said.refusal.trim().split('\n')[0]}`]
    return (style.says ?? [])
      .filter(word => !said.refusal.includes(word))
      .map(word => `the refusal does not name ${word}`)
  }
  if (style.must === 'refused') return ['judged, where it should be refused']
  const { must, may = [], open = [], red = [], notRed = [] } = style
  const musts = said.claims.filter(({ level }) => level === 'must')
  const failed = idsOf(musts, 'fail')
  const unproven = idsOf(musts, 'unproven')
  const anyLevel = idsOf(said.claims, 'fail')
  return [
    ...failed
      .filter(id => !isAmong(id, [...must, ...may]))
      .map(id => `red, and should not be: ${id}`),
    ...must.filter(id => !failed.includes(id)).map(id => `not red, and should be: ${id}`),
    ...unproven.filter(id => !isAmong(id, open)).map(id => `left open, and should not be: ${id}`),
    ...open
      .filter(pattern => !idsOf(said.claims, 'unproven').some(id => matchesGlob(id, pattern)))
      .map(pattern => `not left open, and should be: ${pattern}`),
    ...red
      .map(each => [each].flat())
      .filter(alternatives => !anyLevel.some(id => isAmong(id, alternatives)))
      .map(alternatives => `not red at any level, and should be: ${alternatives.join(' or ')}`),
    ...anyLevel
      .filter(id => isAmong(id, notRed) && !failed.includes(id))
      .map(id => `red as advice, and should not be: ${id}`),
    ...failed
      .filter(id => isAmong(id, notRed) && isAmong(id, [...must, ...may]))
      .map(id => `red, and should not be: ${id}`),
  ]
}

/** In words: what must hold and does not, what is left open, or that the files are refused. */
export function inWords(said: Said): string {
  if ('refusal' in said) return 'refused'
  const musts = said.claims.filter(({ level }) => level === 'must')
  const open = idsOf(musts, 'unproven').map(id => `${id} (unproven)`)
  return [...idsOf(musts, 'fail'), ...open].toSorted().join(' ') || 'conforms'
}

function idsOf(claims: Pick<ClaimRecord, 'id' | 'verdict'>[], which: ClaimRecord['verdict']) {
  return claims.filter(({ verdict }) => verdict === which).map(({ id }) => id)
}

function isAmong(id: string, patterns: readonly string[]): boolean {
  return patterns.some(pattern => matchesGlob(id, pattern))
}
