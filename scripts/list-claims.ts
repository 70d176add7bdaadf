import { createVitest } from 'vitest/node'
import { claimPattern } from './claim-pattern.ts'

/** Every claim with its level and sentence, one a line, without running any. */
export async function listClaims(only: string | undefined): Promise<string> {
  const vitest = await createVitest({
    watch: false,
    project: ['claims'],
    reporters: [{}],
    testNamePattern: claimPattern(only),
  })
  try {
    const { testModules } = await vitest.collect([], { staticParse: false })
    const claims = testModules
      .flatMap(module => [...module.children.allTests()])
      .filter(test => test.options.mode === 'run')
      .map(test => test.meta().claim)
      .filter(claim => claim !== undefined)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
    const width = Math.max(0, ...claims.map(({ id }) => id.length))
    return claims
      .map(({ id, level, says }) => `${id.padEnd(width)}  ${level.padEnd(6)}  ${says}\n`)
      .join('')
  } finally {
    await vitest.close()
  }
}
