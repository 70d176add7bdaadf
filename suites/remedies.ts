import { test } from 'vitest'
import { Sources } from '../fixtures/platform/change/sources.ts'
import { Mending } from '../fixtures/remedies/mending.ts'
import type { Fixes } from '../fixtures/verdict/fixes.ts'
import type { Remedy } from '../fixtures/verdict/schema.ts'
import { currentRun } from '../fixtures/worker-run.ts'
import { everyClaim } from './every-claim.ts'

// Not a claim about a platform but an answer to its reds: a change of its files that was tried and works.

declare module 'vitest' {
  interface TaskMeta {
    remedy?: { claim: string; remedy?: Remedy }
    fixes?: Fixes
  }
}

/** Longest a search may take. Patience: it ends by its own budget. */
const WITHIN_MS = 60 * 60_000

const run = currentRun()
if (run.remedies === undefined) throw new Error('this run seeks no remedies')
const { files, ...search } = run.remedies
const claims = await everyClaim()
const mending = new Mending({ ...search, claims, sources: new Sources(files), scene: run })

// One after the other: what mends one red may mend the next, too.
for (const red of search.reds)
  test(`a remedy for ${red.id}`, {
    meta: { remedy: { claim: red.id } },
    timeout: WITHIN_MS,
  }, async ({ task }) => {
    task.meta.remedy = { claim: red.id, remedy: await mending.mend(red) }
  })

test('all remedies together', { timeout: WITHIN_MS }, async ({ task }) => {
  task.meta.fixes = await mending.together()
})
