import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { structuredPatch } from 'diff'
import { expect, test } from 'vitest'
import type { stated } from '../fixtures/claim.ts'
import { NothingToChange } from '../fixtures/platform/change/change.ts'
import { type Edited, platformTexts, Sources } from '../fixtures/platform/change/sources.ts'
import { type Platform, readPlatform } from '../fixtures/platform/read-platform.ts'
import { everyCandidate } from '../fixtures/remedies/every.ts'
import { redOn } from '../fixtures/remedies/red.ts'
import type { ClaimRecord } from '../fixtures/verdict/schema.ts'
import { everyClaim } from './every-claim.ts'

// What is proposed against any fault that a control injects leaves as many answers, sockets and names as it found.

const ROOT = join(import.meta.dirname, '../fixtures/platforms/reference')

/** Statements of which there may be more, or others, but never fewer. */
const KEPT: Record<string, RegExp> = {
  answers: /(?<![\w$])(?:return|proxy_pass|root|alias)\s/g,
  sockets: /(?<![\w$])listen\s/g,
  names: /(?<![\w$])server_name\s/g,
  'addresses behind variables': /proxy_pass\s+(?:https?:\/\/)?[^;/\s]*\$/g,
  resolvers: /(?<![\w$])resolver\s/g,
  'published ports': /\d+:\d+["']?\s*(?:$|[,\]])/gm,
}

function counted(sources: Sources): Record<string, number> {
  const text = sources.files.map(file => sources.text(file)?.replace(/(^|\s)#.*$/gm, '')).join('\n')
  return Object.fromEntries(
    Object.entries(KEPT).map(([what, form]) => [what, text.match(form)?.length ?? 0]),
  )
}

test('no proposal takes away what a platform answers by', { timeout: 300_000 }, async () => {
  const platform = await readPlatform({ root: ROOT })
  const whole = new Sources(
    await platformTexts(platform, file => readFile(join(ROOT, file), 'utf8')),
  )
  const found: string[] = []
  let proposals = 0
  for (const { claim, fault } of faults(await everyClaim(), whole)) {
    const broken = whole.with(fault)
    const before = counted(broken)
    for (const { name, files } of candidatesFor(claim, broken, whole, platform)) {
      proposals++
      const after = counted(broken.with(files))
      const less = Object.keys(KEPT).filter(what => (after[what] ?? 0) < (before[what] ?? 0))
      if (less.length > 0) found.push(`${claim.id}: ${name} (fewer ${less.join(', ')})`)
    }
  }
  expect(proposals).toBeGreaterThan(1000)
  expect([...new Set(found)]).toEqual([])
})

type Stated = (typeof stated)[number]

/** Every fault of the controls, each once. */
function* faults(claims: readonly Stated[], whole: Sources) {
  const seen = new Set<string>()
  for (const claim of claims)
    for (const { change } of claim.definition.brokenBy ?? []) {
      const fault = change && faultBy(() => change.apply(whole).differences(whole))
      const key = JSON.stringify(fault)
      if (fault === undefined || seen.has(key)) continue
      seen.add(key)
      yield { claim, fault }
    }
}

function faultBy(make: () => Edited): Edited | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof NothingToChange) return undefined
    throw error
  }
}

/** What is proposed where a claim is red on the broken files, and the broken lines are blamed. */
function candidatesFor(
  { id, definition }: Stated,
  broken: Sources,
  whole: Sources,
  { contract, compose }: Platform,
) {
  const record: ClaimRecord = {
    id,
    level: 'must',
    says: definition.says,
    source: '',
    verdict: 'fail',
    message: '',
    evidence: [],
    blame: linesThatDiffer(broken, whole),
    durationMs: 0,
  }
  try {
    return everyCandidate(redOn(record, definition, { sources: broken, contract, compose }))
  } catch {
    // What cannot be read is refused before any claim is judged.
    return []
  }
}

function linesThatDiffer(broken: Sources, whole: Sources): ClaimRecord['blame'] {
  return Object.entries(broken.differences(whole)).flatMap(([file, text = '']) =>
    structuredPatch(file, file, whole.text(file) ?? '', text, '', '', { context: 0 }).hunks.flatMap(
      ({ newStart, newLines }) =>
        Array.from({ length: Math.max(1, newLines) }, (_, at) => ({
          file,
          line: Math.max(1, newStart + at),
          directive: '',
          text: '',
        })),
    ),
  )
}
