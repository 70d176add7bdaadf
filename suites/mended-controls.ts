import { test } from 'vitest'
import { type Edited, Sources } from '../fixtures/platform/change/sources.ts'
import { faultOf, mendControl } from '../fixtures/remedies/proof.ts'
import type { MendedControl } from '../fixtures/verdict/mended-schema.ts'
import { currentRun } from '../fixtures/worker-run.ts'
import { everyClaim } from './every-claim.ts'

// Not a claim about a platform but about the remedies: for how many of the controls' faults one is found.

declare module 'vitest' {
  interface TaskMeta {
    mended?: Pick<MendedControl, 'claim' | 'control'> & Partial<MendedControl>
  }
}

/** Longest one may take, its turn included. Patience, not a promise. */
const WITHIN_MS = 30 * 60_000

const claims = await everyClaim()
const { controls: files } = currentRun()
const sources = files && new Sources(files)
const faults = sources === undefined ? [] : distinct(sources)
/** So many, spread evenly: `TOPOLOGY_SAMPLES`, which `--sample` sets. By default all of them. */
const sample = Number(process.env.TOPOLOGY_SAMPLES) || faults.length
const step = Math.max(1, faults.length / sample)
for (const [at, { claim, control, fault }] of faults.entries())
  if (Math.floor(at / step) !== Math.floor((at - 1) / step)) state(claim, control, fault)

/** Every fault of nginx's files once: the same one is a control of several claims. */
function distinct(whole: Sources) {
  const seen = new Set<string>()
  return claims.flatMap(claim =>
    (claim.definition.brokenBy ?? []).flatMap(control => {
      const fault = faultOf(control, whole)
      if (typeof fault === 'string' || seen.has(JSON.stringify(fault))) return []
      seen.add(JSON.stringify(fault))
      return [{ claim, control: control.name, fault }]
    }),
  )
}

function state(claim: (typeof claims)[number], control: string, fault: Edited) {
  const head = { claim: claim.id, control }
  test(`${claim.id}: ← ${control}`, { meta: { mended: head }, timeout: WITHIN_MS }, async ({
    task,
  }) => {
    const began = performance.now()
    const outcome = await mendControl(claims, claim, fault, sources as Sources)
    task.meta.mended = {
      ...head,
      ...outcome,
      durationMs: Math.round(performance.now() - began),
    }
  })
}
