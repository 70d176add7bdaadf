import { afterAll, test } from 'vitest'
import { Hunt } from '../fixtures/hunt.ts'
import { Sources } from '../fixtures/platform/change/sources.ts'
import { everyMutant } from '../fixtures/platform/mutation/every.ts'
import type { Mutant } from '../fixtures/platform/mutation/mutant.ts'
import { spread } from '../fixtures/platform/mutation/selection.ts'
import type { MutantRecord } from '../fixtures/verdict/mutation-schema.ts'
import { currentRun } from '../fixtures/worker-run.ts'
import { everyClaim } from './every-claim.ts'

// Not a claim about a platform but about the claims: how many injected faults they catch.

declare module 'vitest' {
  interface TaskMeta {
    mutant?: Pick<MutantRecord, 'number'> & Partial<MutantRecord>
  }
}

/** Longest a mutant may take, its turn included. Patience, not a promise. */
const WITHIN_MS = 20 * 60_000

const claims = await everyClaim()
const { mutation } = currentRun()
if (mutation !== undefined) {
  const sources = new Sources(mutation.files)
  const hunt = new Hunt(claims, sources)
  const isChosen = ({ name }: Mutant) => name in mutation.chosen
  const isLong = (mutant: Mutant) => hunt.isLong(mutant)
  for (const mutant of spread(everyMutant(sources).filter(isChosen), isLong)) {
    const number = mutation.chosen[mutant.name] ?? 0
    test(`mutant ${number}`, { meta: { mutant: { number } }, timeout: WITHIN_MS }, async ({
      task,
    }) => {
      const record = await hunt.judge(mutant, number)
      task.meta.mutant = record
      if (record.outcome === 'survived' || record.outcome === 'unproven')
        throw new Error(`${record.outcome}: ${record.message ?? 'every claim passes all the same'}`)
    })
  }
  afterAll(() => hunt.end(), WITHIN_MS)
}
