import type { CliOptions, Reporter } from 'vitest/node'
import type { RunOptions } from '../fixtures/run.ts'
import { EnvironmentError } from '../fixtures/topology/environment-error.ts'
import type { ProgressLine } from './progress.ts'
import { runVitest, withRun } from './run-suites.ts'

/** Gathers what a project finds out, and what kept it from that. */
interface Collector extends Reporter {
  readonly errors: string[]
}

/**
 * Runs one project of the suites on a platform, silent but for the line of progress.
 * @throws InputError; EnvironmentError, also when the suites could not be run.
 */
export async function runProject(
  project: string,
  options: Omit<RunOptions, 'progress'>,
  { collector, progress, ...vitest }: { collector: Collector; progress: ProgressLine } & CliOptions,
): Promise<void> {
  await withRun({ ...options, progress: progress.say }, async run => {
    const judged = runVitest(
      [],
      { project: [project], reporters: [collector], silent: true, ...vitest },
      'silenced',
    )
    await Promise.all([run.ready, judged])
  }).finally(progress.clear)
  if (collector.errors.length > 0)
    throw new EnvironmentError(`The suites could not be run: ${collector.errors.join('\n')}`)
}
