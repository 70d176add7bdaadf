import { resolve } from 'node:path'
import { schemaLine } from '../fixtures/platform/contract-schema.ts'
import { readText, standing, writeText } from '../fixtures/platform/input-files.ts'
import { listGaps } from '../fixtures/platform/list-gaps.ts'
import { CONTRACT_FILE, knownGapsOf, parseContract } from '../fixtures/platform/read-contract.ts'
import type { Platform } from '../fixtures/platform/read-platform.ts'
import { today, weighGap } from '../fixtures/verdict/known-gap.ts'
import { type ClaimRecord, isRed } from '../fixtures/verdict/schema.ts'

/** What came of writing the present reds into the contract file. */
export interface Acceptance {
  /** The contract file, relative to the platform's root. */
  file: string
  /** Every claim, those that are listed now in the light of the list. */
  claims: ClaimRecord[]
  /** For people: what was written, and what was not. */
  text: string
}

/**
 * Lists the present reds as known gaps in the platform's contract file, which is made where there is
 * none. Entries that are there stay as they are.
 * @throws InputError when the file cannot be written.
 */
export async function acceptReds(
  { root, contract, contractFile }: Pick<Platform, 'root' | 'contract' | 'contractFile'>,
  claims: readonly ClaimRecord[],
): Promise<Acceptance> {
  const file = contractFile ?? CONTRACT_FILE
  const reds = claims.filter(claim => isRed(claim) && claim.gap === undefined)
  const accepted = reds.filter(({ id }) => !contract.promises.includes(id))
  if (accepted.length === 0)
    return { file, claims: [...claims], text: report(file, [], claims, contract.promises) }
  const isThere = (await standing(root, file)) === 'file'
  const text = isThere ? await readText(root, file) : schemaLine(resolve(root, file))
  const gaps = accepted.map(({ id, says }) => ({ claim: id, says }))
  const written = listGaps(text, file, gaps)
  await writeText(root, file, written)
  const listed = knownGapsOf(parseContract(written, file))
  const weighed = claims.map(record => {
    const gap = accepted.includes(record)
      ? listed.find(({ claim }) => claim === record.id)
      : undefined
    return weighGap(record, gap, today())
  })
  const ids = accepted.map(({ id }) => id)
  return { file, claims: weighed, text: report(file, ids, weighed, contract.promises) }
}

function report(
  file: string,
  ids: readonly string[],
  claims: readonly ClaimRecord[],
  promises: readonly string[],
): string {
  const head =
    ids.length === 0
      ? `${file}: nothing to accept, nothing is written`
      : `${file}: ${ids.length} known gap${ids.length === 1 ? '' : 's'} written; fill in each reason`
  const left = claims
    .filter(isRed)
    .map(claim => `  stays red: ${claim.id}, ${why(claim, promises)}`)
  return [head, ...ids.map(id => `  ${id}`), ...left, ''].join('\n')
}

function why({ id, verdict, gap }: ClaimRecord, promises: readonly string[]): string {
  if (promises.includes(id)) return 'which is promised: take it out of "promises" first'
  const place = `${gap?.file}:${gap?.line}`
  return verdict === 'surprise-pass'
    ? `which holds now: take ${place} out`
    : `which ${place} accepted until ${gap?.until}: agree on another date`
}
