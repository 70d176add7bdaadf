import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')

/** Of two values that were to differ there is nothing to show: a claim states what it expects. */
const negated = /\.not\s*\.to(?:Be|Equal|StrictEqual)\(/

it('no claim asserts that two values differ', async () => {
  const guilty: string[] = []
  for await (const file of glob('{suites,fixtures,stubs}/**/*.ts', { cwd: root }))
    if (!file.endsWith('.test.ts') && negated.test(await readFile(join(root, file), 'utf8')))
      guilty.push(file)
  expect(guilty).toEqual([])
})
