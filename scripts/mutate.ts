import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { platformTexts, Sources } from '../fixtures/platform/change/sources.ts'
import { InputError } from '../fixtures/platform/input-error.ts'
import { readText } from '../fixtures/platform/input-files.ts'
import { everyMutant } from '../fixtures/platform/mutation/every.ts'
import { type Chosen, selected, shareOf } from '../fixtures/platform/mutation/selection.ts'
import { readPlatform } from '../fixtures/platform/read-platform.ts'
import { printableJson } from '../fixtures/printable.ts'
import { shownMutant } from '../fixtures/shown-mutant.ts'
import { MutationCollector } from '../fixtures/verdict/mutation-collector.ts'
import { mergeMutations } from '../fixtures/verdict/mutation-merge.ts'
import { type Mutation, mutationSchema } from '../fixtures/verdict/mutation-schema.ts'
import { summarizeMutants } from '../fixtures/verdict/mutation-summary.ts'
import { formatMutation } from '../fixtures/verdict/mutation-text.ts'
import { reportFailure } from './failure.ts'
import { HELP, type MutateOptions, readMutateOptions } from './mutate-options.ts'
import { print } from './print.ts'
import { ProgressLine } from './progress.ts'
import { runProject } from './run-project.ts'

// Several platforms share a machine, which is not what they are judged for. Worker threads read it.
process.env.TOPOLOGY_PATIENCE ??= '4'

process.exitCode = await main().catch(reportFailure)
// Sockets of an engine that was spoken to may stay open for a while; nothing waits for them.
process.exit()

async function main(): Promise<number> {
  const options = readMutateOptions(process.argv.slice(2))
  if (options.help) {
    await print(process.stdout, HELP)
    return 0
  }
  if (options.merge !== undefined) return report(await mergeReports(options.merge), options)
  const { chosen, sources } = await choose(options)
  const share = shareOf(chosen, options.shard)
  if (options.list) {
    const names = share.map(each => shownMutant(each.mutant, each.number, sources).mutant)
    await print(process.stdout, names.map(name => `${name}\n`).join(''))
    return 0
  }
  return report(await huntAll(options, chosen.length, share), options)
}

async function choose(options: MutateOptions): Promise<{ chosen: Chosen[]; sources: Sources }> {
  const platform = await readPlatform(options.platform)
  const texts = await platformTexts(platform, file => readText(platform.root, file))
  const sources = new Sources(texts)
  return { chosen: selected(everyMutant(sources), options.selection), sources }
}

async function huntAll(options: MutateOptions, asked: number, share: Chosen[]): Promise<Mutation> {
  const began = performance.now()
  const startedAt = new Date()
  const progress = new ProgressLine()
  let done = 0
  const collector = new MutationCollector(({ mutant, outcome }) =>
    progress.say(`${++done}/${share.length} ${outcome}: ${mutant}`),
  )
  const mutation = Object.fromEntries(share.map(({ mutant, number }) => [mutant.name, number]))
  await runProject(
    'mutants',
    { ...options, mutation },
    {
      collector,
      progress,
      maxConcurrency: options.jobs,
    },
  )
  const { selection, quick, shard } = options
  return mutationSchema.parse({
    schema: 1,
    platform: relative(process.cwd(), options.platform.root) || '.',
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - began),
    asked: { ...selection, quick, mutants: asked },
    shard,
    summary: summarizeMutants(collector.mutants),
    mutants: collector.mutants,
  } satisfies Record<keyof Mutation, unknown>)
}

async function mergeReports(directories: string[]): Promise<Mutation> {
  const parts = directories.map(async directory => {
    const file = relative(process.cwd(), join(directory, 'mutation.json'))
    const { success, data } = mutationSchema.safeParse(parsed(await readText('.', file)))
    if (success) return { file, mutation: data }
    throw new InputError('it is no report of injected faults', {
      at: { file },
      remedy: 'Name the directories that `npm run mutate -- --report DIR` wrote.',
    })
  })
  return mergeMutations(await Promise.all(parts))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // What is no JSON is no report either.
    return undefined
  }
}

async function report(mutation: Mutation, options: MutateOptions): Promise<number> {
  const json = `${printableJson(mutation)}\n`
  await mkdir(options.report, { recursive: true })
  await writeFile(join(options.report, 'mutation.json'), json)
  await print(process.stdout, options.json ? json : formatMutation(mutation, process.stdout))
  return mutation.summary.ok ? 0 : 1
}
