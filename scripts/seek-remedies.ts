import { SLOWNESS } from '../fixtures/patience.ts'
import type { Run } from '../fixtures/run.ts'
import type { Fixes } from '../fixtures/verdict/fixes.ts'
import { RemedyCollector } from '../fixtures/verdict/remedy-collector.ts'
import { breaksGate, type ClaimRecord } from '../fixtures/verdict/schema.ts'
import { runVitest } from './run-suites.ts'

/** How far a search goes. A gate that was asked for a verdict alone does not wait long for more. */
const EFFORT = {
  gate: { triesEach: 24, withinMs: 60_000 },
  fix: { triesEach: 120, withinMs: 15 * 60_000 },
} as const

/**
 * Looks for changes of the platform's files that mend what is red: for what breaks the gate; with `fix`, for advice,
 * too, and longer. Each red is judged once more before: one that passes then is unproven. The other verdicts stay as
 * they are; each red is given its remedy.
 * @returns all remedies as one patch; nothing where nothing was sought.
 */
export async function seekRemedies(
  run: Run,
  claims: ClaimRecord[],
  { fix, strict, progress }: { fix: boolean; strict: boolean; progress: (said: string) => void },
): Promise<{ claims: ClaimRecord[]; fixes: Fixes | undefined; errors: string[] }> {
  const failed = claims.filter(({ verdict }) => verdict === 'fail')
  const breaking = failed.filter(each => breaksGate(each, strict))
  const reds = fix ? [...new Set([...breaking, ...failed])] : breaking
  if (reds.length === 0) return { claims, fixes: undefined, errors: [] }
  const { triesEach, withinMs } = EFFORT[fix ? 'fix' : 'gate']
  run.remedies = {
    reds,
    green: claims.filter(({ verdict }) => verdict === 'pass').map(({ id }) => id),
    triesEach,
    // A machine that is busy with other things takes longer for each.
    withinMs: withinMs * SLOWNESS,
  }
  const { topology } = await run.ready
  topology.manyEdges = true
  // Several edges share a machine, which is not what they are judged for. Worker threads read it.
  const { TOPOLOGY_PATIENCE } = process.env
  process.env.TOPOLOGY_PATIENCE ??= '2'
  const collector = new RemedyCollector((claim, { change, tried }) =>
    progress(`${change === undefined ? `no remedy among ${tried}` : 'a remedy'} for ${claim}`),
  )
  progress(`looking for remedies for ${reds.map(({ id }) => id).join(', ')}`)
  await run.phases.time('remedies', () =>
    runVitest([], { project: ['remedies'], reporters: [collector], silent: true }, 'silenced'),
  )
  if (TOPOLOGY_PATIENCE === undefined) delete process.env.TOPOLOGY_PATIENCE
  return {
    claims: claims.map(claim => {
      if (collector.passedAgain.has(claim.id)) return seenBothWays(claim)
      const remedy = collector.remedies.get(claim.id)
      return remedy === undefined ? claim : { ...claim, remedy }
    }),
    fixes: collector.fixes,
    errors: collector.errors,
  }
}

/** A red that passed when it was judged once more on the same files: neither is proved, and both are told. */
export function seenBothWays({ message, request, ...claim }: ClaimRecord): ClaimRecord {
  const first = (message ?? 'without a word').trim()
  return {
    ...claim,
    verdict: 'unproven',
    reason: `it failed, and passed when it was judged once more on the same files; the first time: ${first}`,
    evidence: [
      ...claim.evidence,
      { label: 'judged first', value: `fail: ${first}` },
      { label: 'judged once more, in a fresh edge with nothing changed', value: 'pass' },
    ],
    blame: [],
  }
}
