import { expect, test } from 'vitest'
import type { Style } from '../fixtures/platform/styles/style.ts'
import { differences, inWords } from './judge-style.ts'

const style: Style = { name: 'x', why: 'y', files: {}, must: ['sse/a'], may: ['tls/*'] }
const must = (id: string, verdict: 'fail' | 'pass' | 'unproven' = 'fail') =>
  ({ id, level: 'must', verdict }) as const
const should = (id: string) => ({ id, level: 'should', verdict: 'fail' }) as const

test.each<[string, Partial<Style>, Parameters<typeof differences>[1], string[]]>([
  ['as deserved', {}, { claims: [must('sse/a'), must('tls/b'), should('x/y')] }, []],
  [
    'one too many',
    {},
    { claims: [must('sse/a'), must('sse/b')] },
    ['red, and should not be: sse/b'],
  ],
  ['one too few', {}, { claims: [must('sse/a', 'pass')] }, ['not red, and should be: sse/a']],
  [
    'open without a question',
    {},
    { claims: [must('sse/a'), must('x/y', 'unproven')] },
    ['left open, and should not be: x/y'],
  ],
  ['an open one', { open: ['x/*'] }, { claims: [must('sse/a'), must('x/y', 'unproven')] }, []],
  [
    'none open',
    { open: ['x/*'] },
    { claims: [must('sse/a'), must('x/y', 'pass')] },
    ['not left open, and should be: x/*'],
  ],
  ['either advice', { red: [['x/y', 'x/z']] }, { claims: [must('sse/a'), should('x/z')] }, []],
  [
    'neither advice',
    { red: [['x/y', 'x/z']] },
    { claims: [must('sse/a')] },
    ['not red at any level, and should be: x/y or x/z'],
  ],
  [
    'wrong advice',
    { notRed: ['x/*'] },
    { claims: [must('sse/a'), should('x/z')] },
    ['red as advice, and should not be: x/z'],
  ],
  ['refused', {}, { refusal: 'a:1: no\nmore' }, ['refused: a:1: no']],
  ['not refused', { must: 'refused' }, { claims: [] }, ['judged, where it should be refused']],
  [
    'refused in other words',
    { must: 'refused', says: ['a:1', 'b'] },
    { refusal: 'a:1: no' },
    ['the refusal does not name b'],
  ],
])('%s', (_, more, said, expected) => {
  expect(differences({ ...style, ...more }, said)).toEqual(expected)
})

test('a verdict is said by what must hold and does not', () => {
  expect(inWords({ claims: [must('b/x', 'unproven'), must('a/x'), should('c/x')] })).toBe(
    'a/x b/x (unproven)',
  )
  expect(inWords({ claims: [must('a/x', 'pass')] })).toBe('conforms')
  expect(inWords({ refusal: 'no' })).toBe('refused')
})
