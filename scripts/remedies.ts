import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { InputError } from '../fixtures/platform/input-error.ts'
import { MendedCollector } from '../fixtures/verdict/mended-collector.ts'
import { type Mended, mendedSchema } from '../fixtures/verdict/mended-schema.ts'
import { formatMended, isMended } from '../fixtures/verdict/mended-text.ts'
import { claimPattern } from './claim-pattern.ts'
import { reportFailure } from './failure.ts'
import { type GateOptions, readOptionsAnd } from './options.ts'
import { print } from './print.ts'
import { ProgressLine } from './progress.ts'
import { runProject } from './run-project.ts'

/** The least share of faults, in percent, for which a remedy has to be found. */
const SHARE = 90

const HELP = `npm run remedies -- [options]

For how many of the controls' faults in nginx's files a remedy is found: the platform is broken on purpose, the
remedies are sought as the gate seeks them, \`git apply\` puts them into a copy of the broken files, and no claim
that must hold may be red there. A fault that is a control of several claims counts once, for the first.

  --platform DIR     the platform's files (default: fixtures/platforms/reference)
  --sample N         so many of the faults, spread evenly; always the same ones
  --only GLOB        only controls of claims whose id matches, such as 'sse/*'
  --report DIR       where remedies.json goes (default: report)
  --json             the same on standard output, and nothing else there
  --help             this

remedies.json says of each fault what mends it, which lines go without another in their place, and whether anything
goes that the platform answers by: a \`return\`, a pass, a \`root\`, a socket, a name.

Exit status: 0 at least ${SHARE} % are mended, and none by taking an answer away; 1 fewer are; 2 the input cannot be used; 3 the machine cannot carry
the topology.
`

// Several platforms share a machine, which is not what they are judged for. Worker threads read it.
process.env.TOPOLOGY_PATIENCE ??= '2'

process.exitCode = await main().catch(reportFailure)
// Sockets of an engine that was spoken to may stay open for a while; nothing waits for them.
process.exit()

async function main(): Promise<number> {
  const { options, own } = readOptionsAnd(
    process.argv.slice(2),
    { sample: { type: 'string' } },
    { command: 'remedies' },
  )
  // Worker threads read it.
  if (own.sample !== undefined) process.env.TOPOLOGY_SAMPLES = String(wholeNumber(own.sample))
  if (options.help) {
    await print(process.stdout, HELP)
    return 0
  }
  const mended = await mendAll(options)
  const json = `${JSON.stringify(mended, null, 2)}\n`
  await mkdir(options.report, { recursive: true })
  await writeFile(join(options.report, 'remedies.json'), json)
  await print(process.stdout, options.json ? json : formatMended(mended, process.stdout))
  return isMended(mended.controls, SHARE) ? 0 : 1
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new InputError(`--sample ${text}: not a whole number above 0`, {
    remedy: '`npm run remedies -- --help` lists the options.',
  })
}

async function mendAll(options: GateOptions): Promise<Mended> {
  const began = performance.now()
  const startedAt = new Date()
  const progress = new ProgressLine()
  const collector = new MendedCollector(({ claim, control, outcome, left = [] }) =>
    progress.say(`${[outcome, ...left].join(' ')}: ${claim} ← ${control}`),
  )
  const runOptions = { ...options, controls: true }
  await runProject('mended-controls', runOptions, {
    collector,
    progress,
    testNamePattern: claimPattern(options.only),
    passWithNoTests: true,
  })
  if (collector.controls.length === 0)
    throw new InputError(`no fault in nginx's files is a control of "${options.only}"`, {
      remedy: '`npm run gate -- --list` shows the id of every claim.',
    })
  return mendedSchema.parse({
    schema: 1,
    platform: relative(process.cwd(), options.platform.root) || '.',
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - began),
    controls: collector.controls,
  } satisfies Record<keyof Mended, unknown>)
}
