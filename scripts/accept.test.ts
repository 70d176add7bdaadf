import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { KnownGap } from '../fixtures/platform/contract.ts'
import { REASON_TO_FILL_IN } from '../fixtures/platform/list-gaps.ts'
import { knownGapsOf, parseContract } from '../fixtures/platform/read-contract.ts'
import type { Platform } from '../fixtures/platform/read-platform.ts'
import { temporaryPlatform } from '../fixtures/platform/temporary-platform.ts'
import { today, weighGap } from '../fixtures/verdict/known-gap.ts'
import { type ClaimRecord, summarize } from '../fixtures/verdict/schema.ts'
import { acceptReds } from './accept.ts'

function record(id: string, verdict: ClaimRecord['verdict'], level: ClaimRecord['level'] = 'must') {
  const said = { says: `What ${id} says.`, source: 's', durationMs: 0 }
  return { id, level, ...said, verdict, evidence: [], blame: [] } satisfies ClaimRecord
}

/** The claims as they would be judged with the platform's contract file as it is now. */
async function accepted(root: string, contractFile: string | undefined, judged: ClaimRecord[]) {
  const text = contractFile === undefined ? '' : await readFile(join(root, contractFile), 'utf8')
  const contract = parseContract(text, contractFile ?? '')
  const gaps: KnownGap[] = knownGapsOf(contract)
  const claims = judged.map(one =>
    weighGap(
      one,
      gaps.find(({ claim }) => claim === one.id),
      today(),
    ),
  )
  const promises = contract.written.promises ?? []
  return acceptReds({ root, contractFile, contract: { promises } as Platform['contract'] }, claims)
}

const judged = [
  record('a/holds', 'pass'),
  record('a/red', 'fail'),
  record('a/advice', 'fail', 'should'),
  record('a/unclear', 'unproven'),
  record('a/elsewhere', 'not-applicable'),
  record('a/follows', 'blocked'),
]

test('the reds are listed in a file that is made for them, and the gate is green', async () => {
  await using platform = await temporaryPlatform({})
  const { file, claims, text } = await accepted(platform.root, undefined, judged)
  expect(summarize(claims, true)).toMatchObject({ ok: true, knownGap: 3, pass: 1 })
  expect(text).toBe(
    'topology.yaml: 3 known gaps written; fill in each reason\n  a/red\n  a/advice\n  a/unclear\n',
  )
  const written = await readFile(join(platform.root, file), 'utf8')
  expect(written).toMatch(/^# yaml-language-server: \$schema=.*topology\.schema\.json\n/)
  expect(parseContract(written, file).written.knownGaps).toEqual(
    ['a/red', 'a/advice', 'a/unclear'].map(claim => ({ claim, reason: REASON_TO_FILL_IN })),
  )
})

test('the second time nothing is written', async () => {
  await using platform = await temporaryPlatform({})
  const { file } = await accepted(platform.root, undefined, judged)
  const first = await readFile(join(platform.root, file), 'utf8')
  const { text, claims } = await accepted(platform.root, file, judged)
  expect(await readFile(join(platform.root, file), 'utf8')).toBe(first)
  expect(text).toBe('topology.yaml: nothing to accept, nothing is written\n')
  expect(summarize(claims, true).ok).toBe(true)
})

test('what is listed already, stale or promised is told, and never changed', async () => {
  const contract = `# ours
promises: [a/advice]
knownGaps:
  - { claim: a/holds, reason: r }
  - { claim: a/red, reason: r, until: 2020-01-01 }
`
  await using platform = await temporaryPlatform({ 'topology.yaml': contract })
  const { text, claims } = await accepted(platform.root, 'topology.yaml', judged)
  expect(text).toBe(`topology.yaml: 1 known gap written; fill in each reason
  a/unclear
  stays red: a/holds, which holds now: take topology.yaml:4 out
  stays red: a/red, which topology.yaml:5 accepted until 2020-01-01: agree on another date
  stays red: a/advice, which is promised: take it out of "promises" first
`)
  expect(summarize(claims, false).ok).toBe(false)
  expect(await readFile(join(platform.root, 'topology.yaml'), 'utf8')).toMatch(contract)
})
