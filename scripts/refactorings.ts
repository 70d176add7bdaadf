import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { platformTexts, Sources } from '../fixtures/platform/change/sources.ts'
import { InputError } from '../fixtures/platform/input-error.ts'
import { readText } from '../fixtures/platform/input-files.ts'
import { type PlatformOptions, readPlatform } from '../fixtures/platform/read-platform.ts'
import { assign } from '../fixtures/platform/refactoring/assign.ts'
import { refactorings } from '../fixtures/platform/refactoring/every.ts'
import { RefactoringCollector } from '../fixtures/verdict/refactoring-collector.ts'
import { type Refactorings, refactoringsSchema } from '../fixtures/verdict/refactoring-schema.ts'
import { summarizeRefactorings } from '../fixtures/verdict/refactoring-summary.ts'
import { formatRefactorings } from '../fixtures/verdict/refactoring-text.ts'
import { claimPattern } from './claim-pattern.ts'
import { reportFailure } from './failure.ts'
import { type GateOptions, readOptions } from './options.ts'
import { ProgressLine } from './progress.ts'
import { runProject } from './run-project.ts'

const HELP = `npm run refactorings -- [options]

The same meaning, the same verdict: a platform is rewritten in many ways that change nothing of what it
does, and every claim is judged on each. A claim that turns red there raises false alarms.

  --platform DIR     the platform to rewrite, in all ways that it has a place for (default: those of
                     fixtures/platforms, each way on one of them in turn)
  --everywhere       each way on every platform that has a place for it
  --only GLOB        only refactorings whose name matches, such as 'times/*'
  --report DIR       where refactorings.json goes (default: report)
  --json             the same on standard output, and nothing else there
  --help             this

Exit status: 0 every claim has the same verdict everywhere; 1 one has not, or a refactoring could not be
judged; 2 the input cannot be used; 3 the machine cannot carry the topology.
`

/** The platforms that the suite itself is proved on. */
const OWN = ['reference', 'direct-api', 'scaled-redis'].map(name =>
  resolve(import.meta.dirname, '../fixtures/platforms', name),
)

// Several platforms share a machine, which is not what they are judged for. Worker threads read it.
process.env.TOPOLOGY_PATIENCE ??= '4'

process.exitCode = await main().catch(reportFailure)
// Sockets of an engine that was spoken to may stay open for a while; nothing waits for them.
process.exit()

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  const options = readOptions(args.filter(arg => arg !== '--everywhere'))
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const result = await proveAll(options, {
    isNamed: args.some(arg => /^--platform\b/.test(arg)),
    everywhere: args.includes('--everywhere'),
  })
  const json = `${JSON.stringify(result, null, 2)}\n`
  await mkdir(options.report, { recursive: true })
  await writeFile(join(options.report, 'refactorings.json'), json)
  process.stdout.write(options.json ? json : formatRefactorings(result, process.stdout))
  return result.summary.ok ? 0 : 1
}

async function proveAll(
  options: GateOptions,
  { isNamed, everywhere }: { isNamed: boolean; everywhere: boolean },
): Promise<Refactorings> {
  const began = performance.now()
  const startedAt = new Date()
  const where = isNamed ? [options.platform] : OWN.map(root => ({ ...options.platform, root }))
  const pattern = claimPattern(options.only)
  const wanted = refactorings.filter(({ name }) => pattern?.test(`${name}: `) ?? true)
  if (wanted.length === 0)
    throw new InputError(`no refactoring's name matches "${options.only}"`, {
      remedy: 'Names are such as times/24h-as-1d; without --only all are judged.',
    })
  const { chosen, nowhere } = assign(wanted, await Promise.all(where.map(sourcesOf)), everywhere)
  const platforms: Refactorings['platforms'] = []
  for (const [at, platform] of where.entries())
    if (chosen[at]?.length) platforms.push(await proveOn(platform, chosen[at], options))
  return refactoringsSchema.parse({
    schema: 1,
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - began),
    // Of a platform that somebody names, nobody expects a place for each.
    summary: summarizeRefactorings(platforms, isNamed ? [] : nowhere),
    platforms,
  } satisfies Record<keyof Refactorings, unknown>)
}

async function sourcesOf(options: PlatformOptions): Promise<Sources> {
  const platform = await readPlatform(options)
  return new Sources(await platformTexts(platform, file => readText(platform.root, file)))
}

async function proveOn(
  where: PlatformOptions,
  chosen: string[],
  options: GateOptions,
): Promise<Refactorings['platforms'][number]> {
  const platform = relative(process.cwd(), where.root) || '.'
  const progress = new ProgressLine()
  const collector = new RefactoringCollector(({ refactoring, outcome }) =>
    progress.say(`${platform}: ${refactoring}: ${outcome}`),
  )
  const runOptions = { ...options, platform: where, refactorings: chosen }
  await runProject('refactorings', runOptions, {
    collector,
    progress,
  })
  return { platform, refactorings: collector.refactorings }
}
