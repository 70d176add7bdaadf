import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FATES, type Mutation, mutationSchema } from '../fixtures/verdict/mutation-schema.ts'
import { percent } from '../fixtures/verdict/mutation-table.ts'

/**
 * Judges a sample of a platform's mutants, and tells at what pace: that of the whole command, start and clean-up
 * included, and that of the median mutant by itself.
 */
export async function measureMutants(sample: number, platform?: string): Promise<string> {
  const report = await mkdtemp(join(tmpdir(), 'topology-bench-'))
  const where = platform === undefined ? [] : ['--platform', platform]
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'mutate.ts'),
      '--sample',
      String(sample),
      '--report',
      report,
      ...where,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  try {
    await once(child, 'exit')
    const text = await readFile(join(report, 'mutation.json'), 'utf8')
    return shown(mutationSchema.parse(JSON.parse(text)))
  } finally {
    await rm(report, { recursive: true, force: true })
  }
}

function shown({ summary, durationMs, mutants }: Mutation): string {
  const judged = mutants.filter(({ judged }) => judged > 0)
  const seconds = judged.map(each => each.durationMs / 1000).toSorted((a, b) => a - b)
  const counts = FATES.filter(fate => summary.outcomes[fate] > 0).map(
    fate => `${summary.outcomes[fate]} ${fate}`,
  )
  const rows: [string, string][] = [
    ['mutants', `${summary.mutants} (${counts.join(', ')})`],
    ['mutants a minute', ((summary.mutants / durationMs) * 60_000).toFixed(0)],
    ['the median one, s', (seconds[Math.floor(seconds.length / 2)] ?? 0).toFixed(2)],
    ['claims judged on it', String(median(judged.map(each => each.judged)))],
    ['caught', percent(summary.score)],
  ]
  return rows.map(([name, value]) => `${name.padEnd(20)} ${value}\n`).join('')
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
