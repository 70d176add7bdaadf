import { test } from 'vitest'
import { Sources } from '../fixtures/platform/change/sources.ts'
import { judgeAgain } from '../fixtures/remedies/judged-again.ts'
import { Mending } from '../fixtures/remedies/mending.ts'
import { sampleRequests } from '../fixtures/remedies/sample-requests.ts'
import type { Fixes } from '../fixtures/verdict/fixes.ts'
import type { Remedy } from '../fixtures/verdict/schema.ts'
import { currentRun } from '../fixtures/worker-run.ts'
import { everyClaim } from './every-claim.ts'

// Not a claim about a platform but an answer to its reds: a change of its files that was tried and works.

declare module 'vitest' {
  interface TaskMeta {
    remedy?: { claim: string; remedy?: Remedy; passesAgain?: true }
    fixes?: Fixes
  }
}

/** Longest a search may take. Patience: it ends by its own budget. */
const WITHIN_MS = 60 * 60_000

const run = currentRun()
if (run.remedies === undefined) throw new Error('this run seeks no remedies')
const { files, ...search } = run.remedies
const claims = await everyClaim()
const sources = new Sources(files)

let begun: ReturnType<typeof begin> | undefined

/** Judges every red once more, and seeks remedies for those that are red again. */
async function begin() {
  const samples = sampleRequests(sources.configuration, run.contract)
  const again = claims.filter(({ id }) => search.reds.some(red => red.id === id))
  const { passes, answers } = await judgeAgain(again, samples)
  const reds = search.reds.filter(({ id }) => !passes.has(id))
  const answered = { samples, before: answers }
  return {
    passes,
    mending: new Mending({ ...search, reds, claims, sources, scene: run, answered }),
  }
}

for (const red of search.reds)
  test(`a remedy for ${red.id}`, {
    meta: { remedy: { claim: red.id } },
    timeout: WITHIN_MS,
  }, async ({ task }) => {
    begun ??= begin()
    const { passes, mending } = await begun
    task.meta.remedy = passes.has(red.id)
      ? { claim: red.id, passesAgain: true }
      : { claim: red.id, remedy: await mending.mend(red) }
  })

test('all remedies together', { timeout: WITHIN_MS }, async ({ task }) => {
  begun ??= begin()
  task.meta.fixes = await (await begun).mending.together()
})
