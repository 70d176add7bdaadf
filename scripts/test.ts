import { resolve } from 'node:path'
import { parseCLI } from 'vitest/node'
import { reportFailure } from './failure.ts'
import { ProgressLine } from './progress.ts'
import { runVitest, withRun } from './run-suites.ts'

/** What is tested unless somebody says otherwise: what draws at random or rewrites has a command of its own. */
const OWN_PROJECTS = ['unit', 'claims']

process.exitCode = await main().catch(reportFailure)
process.exit()

/**
 * `npm test`: the claims on the reference platform and the unit tests. With `TOPOLOGY_PLATFORM=DIR`: the
 * claims on that platform and nothing else. Further arguments are vitest's own.
 */
async function main(): Promise<number> {
  const own = process.env.TOPOLOGY_PLATFORM
  const root = resolve(own ?? resolve(import.meta.dirname, '../fixtures/platforms/reference'))
  const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
  const progress = new ProgressLine()
  return withRun({ platform: { root }, strict: false, progress: progress.say }, async run => {
    // Nothing of the runner is worth showing for a platform that cannot be used.
    await run.ready
    progress.clear()
    await runVitest(filter, {
      ...options,
      project: own === undefined ? (options.project ?? OWN_PROJECTS) : ['claims'],
    })
    return Number(process.exitCode ?? 0)
  })
}
