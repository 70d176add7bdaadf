import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { stated } from '../fixtures/claim.ts'

/** Loads every suite, and gives the claims that they state, by id. */
export async function everyClaim(): Promise<typeof stated> {
  for await (const suite of glob('*/*.ts', { cwd: import.meta.dirname }))
    if (!suite.endsWith('.test.ts'))
      await import(/* @vite-ignore */ join(import.meta.dirname, suite))
  return stated.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
