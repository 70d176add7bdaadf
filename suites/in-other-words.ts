import { test } from 'vitest'
import { judgeAsItIs, judgeRefactored } from '../fixtures/equivalence.ts'
import { refactorings } from '../fixtures/platform/refactoring/every.ts'
import { AS_IT_IS, type RefactoringRecord } from '../fixtures/verdict/refactoring-schema.ts'
import { currentRun } from '../fixtures/worker-run.ts'
import { everyClaim } from './every-claim.ts'

// Not a claim about a platform but about the claims: a platform that says the same in other words gets the
// same verdict. Every claim is judged on every refactoring.

declare module 'vitest' {
  interface TaskMeta {
    refactoring?: Pick<RefactoringRecord, 'refactoring'> & Partial<RefactoringRecord>
  }
}

/** Longest a refactoring may take, its turn included. Patience, not a promise. */
const WITHIN_MS = 10 * 60_000

const claims = await everyClaim()

state(AS_IT_IS, () => judgeAsItIs(claims))
const chosen = currentRun().refactorings?.chosen ?? []
for (const each of refactorings.filter(({ name }) => chosen.includes(name)))
  state(each.name, () => judgeRefactored(each, claims))

function state(name: string, prove: () => Promise<RefactoringRecord>): void {
  const options = { meta: { refactoring: { refactoring: name } }, timeout: WITHIN_MS }
  test(`${name}: every claim has the same verdict`, options, async ({ task, skip }) => {
    const record = await prove()
    task.meta.refactoring = record
    if (record.outcome === 'not-applicable') skip(record.message)
    if (record.outcome !== 'same')
      throw new Error(`${record.outcome}: ${record.changed.map(({ id }) => id).join(', ')}`)
  })
}
