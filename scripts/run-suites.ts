import { constants } from 'node:os'
import { Writable } from 'node:stream'
import { type CliOptions, startVitest } from 'vitest/node'
import { leaveRun } from '../fixtures/global-setup.ts'
import { Run, type RunOptions } from '../fixtures/run.ts'
import { orEngineGone } from '../fixtures/topology/engine-gone.ts'
import { claimIds } from '../suites/claim-ids.ts'
import { reportFailure } from './failure.ts'

type Signal = (typeof SIGNALS)[number]
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** How many suites run side by side: claims wait more than they work, drills most of all, so three keep two cores busy. */
const WORKERS = 3

/**
 * Runs the suites on a platform: the topology starts while the test runner loads, and is gone afterwards,
 * also after an interrupt.
 * @throws InputError; EnvironmentError, also when the engine went away in the midst of the run.
 */
export async function withRun<T>(options: RunOptions, use: (run: Run) => Promise<T>): Promise<T> {
  const platform = { ...options.platform, claims: await claimIds() }
  const run = new Run({ ...options, platform })
  leaveRun(run)
  let isLeaving = false
  const leave = async (statusOf: () => Promise<number>) => {
    // One reason is told; others may follow from it while the clean-up goes on.
    if (isLeaving) return
    isLeaving = true
    // The test runner would end the process at once. Nobody leaves before the clean-up is done.
    const exit = process.exit
    process.exit = (() => undefined) as never
    const status = await statusOf()
    await run.end().catch(() => {})
    exit(status)
  }
  const interrupted = (signal: Signal) => {
    options.progress(`${signal}: removing containers and networks`)
    void leave(async () => 128 + constants.signals[signal])
  }
  const failed = (error: unknown) =>
    void leave(async () => reportFailure(await orEngineGone(error)))
  for (const signal of SIGNALS) process.once(signal, interrupted)
  for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, failed)
  const end = () => run.phases.time('clean-up', () => run.end())
  try {
    const result = await use(run)
    // What was found out stands, whatever becomes of the clean-up; that something is left is told.
    await end().catch(reportFailure)
    return result
  } catch (error) {
    // A clean-up that fails, too, fails of the same.
    await end().catch(() => {})
    throw await orEngineGone(error)
  } finally {
    if (isLeaving) await new Promise<never>(() => {})
    for (const signal of SIGNALS) process.off(signal, interrupted)
    for (const event of ['uncaughtException', 'unhandledRejection']) process.off(event, failed)
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
