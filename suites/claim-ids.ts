import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The catalogue of claims, as `catalogue.test.ts` pins it. */
export const CATALOGUE = join(import.meta.dirname, 'catalogue.snapshot.txt')

/** The id of every claim, without loading any suite. */
export async function claimIds(): Promise<string[]> {
  const catalogue = await readFile(CATALOGUE, 'utf8')
  return [...catalogue.matchAll(/^([a-z]+\/\S+) \(/gm)].map(([, id = '']) => id)
}
