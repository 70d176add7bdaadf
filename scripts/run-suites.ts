import { constants } from 'node:os'
import { Writable } from 'node:stream'
import { type CliOptions, startVitest } from 'vitest/node'
import { leaveRun } from '../fixtures/global-setup.ts'
import { Run, type RunOptions } from '../fixtures/run.ts'
import { claimIds } from '../suites/claim-ids.ts'
import { reportFailure } from './failure.ts'

/** How many suites run side by side: claims wait more than they work, and two cores are enough for this many. */
const WORKERS = 2

/**
 * Runs the suites on a platform: the topology starts while the test runner loads, and is gone afterwards,
 * also after an interrupt.
 * @throws InputError, EnvironmentError
 */
export async function withRun<T>(options: RunOptions, use: (run: Run) => Promise<T>): Promise<T> {
  const platform = { ...options.platform, claims: await claimIds() }
  const run = new Run({ ...options, platform })
  leaveRun(run)
  const leave = (status: number) => {
    // The test runner would end the process at once. Nobody leaves before the clean-up is done.
    const exit = process.exit
    process.exit = (() => undefined) as never
    void run.end().finally(() => exit(status))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      options.progress(`${signal}: removing containers and networks`)
      leave(128 + constants.signals[signal])
    })
  }
  process.once('uncaughtException', error => leave(reportFailure(error)))
  try {
    return await use(run)
  } finally {
    await run.phases.time('clean-up', () => run.end())
  }
}

/**
 * Starts vitest in this process. Its exit code is left to the caller.
 * @param output where the runner's own words go; by default to the terminal.
 */
export async function runVitest(
  filters: string[],
  options: CliOptions,
  output: 'shown' | 'silenced' = 'shown',
): Promise<void> {
  const silence = { stdout: new Silence(), stderr: new Silence() }
  const vitest = await startVitest(
    filters,
    { run: true, watch: false, maxWorkers: WORKERS, ...options },
    {},
    output === 'silenced' ? silence : {},
  )
  await vitest.close()
}

class Silence extends Writable {
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
}
