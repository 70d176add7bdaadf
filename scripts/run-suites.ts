import { type CliOptions, startVitest } from 'vitest/node'
import { leaveRun } from '../fixtures/global-setup.ts'
import { Run, type RunOptions } from '../fixtures/run.ts'

/** How many suites run side by side: claims wait more than they work, and two cores are enough for this many. */
const WORKERS = 3

/**
 * Runs the suites on a platform: the topology starts while the test runner loads, and is gone afterwards,
 * also after an interrupt.
 * @throws InputError, EnvironmentError
 */
export async function withRun<T>(options: RunOptions, use: (run: Run) => Promise<T>): Promise<T> {
  const run = new Run(options)
  leaveRun(run)
  const interrupted = (signal: NodeJS.Signals) => {
    options.progress(`${signal}: removing containers and networks`)
    void run.end().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143))
  }
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, interrupted)
  try {
    return await use(run)
  } finally {
    await run.phases.time('clean-up', () => run.end())
  }
}

/** Starts vitest in this process. Its exit code is left to the caller. */
export async function runVitest(filters: string[], options: CliOptions): Promise<void> {
  const vitest = await startVitest(filters, {
    run: true,
    watch: false,
    maxWorkers: WORKERS,
    ...options,
  })
  await vitest.close()
}
