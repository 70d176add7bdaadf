import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { platformTexts, Sources } from '../fixtures/platform/change/sources.ts'
import { InputError } from '../fixtures/platform/input-error.ts'
import { readText } from '../fixtures/platform/input-files.ts'
import { everyMutant } from '../fixtures/platform/mutation/every.ts'
import { type Mutant, OPERATORS } from '../fixtures/platform/mutation/mutant.ts'
import { readPlatform } from '../fixtures/platform/read-platform.ts'
import { EnvironmentError } from '../fixtures/topology/environment-error.ts'
import { MutationCollector } from '../fixtures/verdict/mutation-collector.ts'
import { type Mutation, mutationSchema } from '../fixtures/verdict/mutation-schema.ts'
import { summarizeMutants } from '../fixtures/verdict/mutation-summary.ts'
import { formatMutation } from '../fixtures/verdict/mutation-text.ts'
import { reportFailure } from './failure.ts'
import { type GateOptions, readOptions } from './options.ts'
import { print } from './print.ts'
import { ProgressLine } from './progress.ts'
import { runVitest, withRun } from './run-suites.ts'

const HELP = `npm run mutate -- [options]

How many injected faults the gate catches on a platform, and which it misses: each mutant is the platform
with one fault in its nginx files, its compose file or its connection string, and goes through the gate's
own claims until one turns red.

  --platform DIR       the platform (default: fixtures/platforms/reference)
  --operators LIST     only these, separated by commas: ${OPERATORS.join(', ')}
  --only GLOB          only mutants whose name matches, such as '*ssl_protocols*'
  --sample N           so many of them, spread evenly
  --jobs N             how many are under way at once (default: 4)
  --shard I/N          the I-th of N shares
  --list               list them, judge nothing
  --report DIR         where mutation.json goes (default: report)
  --json               the same on standard output, and nothing else there
  --help               this

Exit status: 0 none is missed; 1 one survived, or could not be judged; 2 the input cannot be used; 3 the
machine cannot carry the topology.
`

interface MutateOptions extends GateOptions {
  operators?: string[]
  sample?: number
  jobs: number
  shard?: { index: number; count: number }
}

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
  const chosen = await choose(options)
  if (options.list) {
    await print(process.stdout, chosen.map(({ name }) => `${name}\n`).join(''))
    return 0
  }
  const mutation = await huntAll(options, chosen)
  const json = `${JSON.stringify(mutation, null, 2)}\n`
  await mkdir(options.report, { recursive: true })
  await writeFile(join(options.report, 'mutation.json'), json)
  await print(process.stdout, options.json ? json : formatMutation(mutation, process.stdout))
  return mutation.summary.ok ? 0 : 1
}

function readMutateOptions(args: string[]): MutateOptions {
  const { values, tokens } = parseArgs({
    args,
    strict: false,
    tokens: true,
    options: {
      operators: { type: 'string' },
      sample: { type: 'string' },
      jobs: { type: 'string' },
      shard: { type: 'string' },
    },
  })
  const own = ['operators', 'sample', 'jobs', 'shard']
  const taken = new Set<number>()
  for (const token of tokens)
    if (token.kind === 'option' && own.includes(token.name)) {
      taken.add(token.index)
      if (token.value !== undefined && token.inlineValue === false) taken.add(token.index + 1)
    }
  const rest = readOptions(args.filter((_, at) => !taken.has(at)))
  const operators = (values.operators as string | undefined)?.split(',').map(each => each.trim())
  const unknown = operators?.find(each => !OPERATORS.some(operator => operator === each))
  if (unknown !== undefined)
    throw new InputError(`there is no operator "${unknown}"`, {
      remedy: `They are: ${OPERATORS.join(', ')}.`,
    })
  const shard = values.shard as string | undefined
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(shard ?? '') ?? []
  if (shard !== undefined && !(Number(index) >= 1 && Number(index) <= Number(count)))
    throw new InputError(`"${shard}" is no share`, { remedy: 'Write --shard 1/2, --shard 2/2.' })
  return {
    ...rest,
    operators,
    sample: whole('sample', values.sample),
    jobs: whole('jobs', values.jobs) ?? 4,
    shard: shard === undefined ? undefined : { index: Number(index), count: Number(count) },
  }
}

function whole(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (Number.isInteger(number) && number > 0) return number
  throw new InputError(`--${name} takes a whole number from 1, not "${value}"`)
}

/** The mutants that were asked for. A share holds every so-manieth, so that all shares take about as long. */
async function choose(options: MutateOptions): Promise<Mutant[]> {
  const platform = await readPlatform(options.platform)
  const texts = await platformTexts(platform, file => readText(platform.root, file))
  const glob = options.only
    ?.split('*')
    .map(part => part.replace(/[\\^$.+?()[\]{}|]/g, String.raw`\$&`))
  const pattern = glob && new RegExp(`^${glob.join('.*')}$`)
  const wanted = everyMutant(new Sources(texts)).filter(
    ({ name, operator }) =>
      (options.operators?.includes(operator) ?? true) && (pattern?.test(name) ?? true),
  )
  if (wanted.length === 0)
    throw new InputError('no mutant is asked for', { remedy: '`--list` shows every one.' })
  const { sample = wanted.length, shard } = options
  const step = Math.max(1, wanted.length / sample)
  const sampled = wanted.filter((_, at) => Math.floor(at / step) !== Math.floor((at - 1) / step))
  return shard === undefined
    ? sampled
    : sampled.filter((_, at) => at % shard.count === shard.index - 1)
}

async function huntAll(options: MutateOptions, chosen: Mutant[]): Promise<Mutation> {
  const began = performance.now()
  const startedAt = new Date()
  const progress = new ProgressLine()
  let done = 0
  const collector = new MutationCollector(({ mutant, outcome }) =>
    progress.say(`${++done}/${chosen.length} ${outcome}: ${mutant}`),
  )
  const mutation = chosen.map(({ name }) => name)
  await withRun({ ...options, mutation, progress: progress.say }, async run => {
    const hunted = runVitest(
      [],
      { project: ['mutants'], reporters: [collector], silent: true, maxConcurrency: options.jobs },
      'silenced',
    )
    await Promise.all([run.ready, hunted])
  }).finally(progress.clear)
  if (collector.errors.length > 0)
    throw new EnvironmentError(`The suites could not be run: ${collector.errors.join('\n')}`)
  return mutationSchema.parse({
    schema: 1,
    platform: relative(process.cwd(), options.platform.root) || '.',
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - began),
    summary: summarizeMutants(collector.mutants),
    mutants: collector.mutants,
  } satisfies Record<keyof Mutation, unknown>)
}
