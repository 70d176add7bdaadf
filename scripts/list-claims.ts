import { createVitest } from 'vitest/node'
import type { ShownClaim } from '../fixtures/judge.ts'
import { coverage } from '../suites/specification.ts'
import { claimPattern } from './claim-pattern.ts'

/** Every claim with its level and sentence, one a line, without running any. */
export async function listClaims(only: string | undefined): Promise<string> {
  const claims = await statedClaims(only)
  const width = Math.max(0, ...claims.map(({ id }) => id.length))
  return claims
    .map(({ id, level, says }) => `${id.padEnd(width)}  ${level.padEnd(6)}  ${says}\n`)
    .join('')
}

/** Every sentence of the specification with the claims that prove it, without running any. */
export async function listCoverage(only: string | undefined): Promise<string> {
  const claims = await statedClaims(only)
  const cited = claims.map(({ id, source }) => ({ id, definition: { source: written(source) } }))
  const covered = coverage(cited).map(({ sentence, claims }) => {
    const proofs = claims.length === 0 ? ['no claim'] : claims
    return `${sentence.key}: ${sentence.text}\n${proofs.map(id => `  ${id}\n`).join('')}`
  })
  const beyond = cited.filter(({ definition: { source } }) => 'standard' in source)
  const standards = beyond.map(({ id, definition: { source } }) =>
    'standard' in source ? `  ${id}  (${source.standard})\n` : '',
  )
  return `${covered.join('\n')}\nBeyond the specification, by a standard:\n${standards.join('')}`
}

/** A claim's source as its suite has it. */
function written(source: string): { spec: string } | { standard: string } {
  const [, spec] = /^specification, (.*)$/s.exec(source) ?? []
  return spec === undefined ? { standard: source } : { spec }
}

async function statedClaims(only: string | undefined): Promise<ShownClaim[]> {
  const vitest = await createVitest({
    watch: false,
    project: ['claims'],
    reporters: [{}],
    testNamePattern: claimPattern(only),
  })
  try {
    const { testModules } = await vitest.collect([], { staticParse: false })
    return testModules
      .flatMap(module => [...module.children.allTests()])
      .filter(test => test.options.mode === 'run')
      .map(test => test.meta().claim)
      .filter(claim => claim !== undefined)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
  } finally {
    await vitest.close()
  }
}
