import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { ControlCollector } from '../fixtures/verdict/control-collector.ts'
import { type Controls, controlsSchema } from '../fixtures/verdict/control-schema.ts'
import { summarizeControls } from '../fixtures/verdict/control-summary.ts'
import { formatControls } from '../fixtures/verdict/control-text.ts'
import { claimPattern } from './claim-pattern.ts'
import { reportFailure } from './failure.ts'
import { type GateOptions, readOptions } from './options.ts'
import { print } from './print.ts'
import { ProgressLine } from './progress.ts'
import { runProject } from './run-project.ts'

const HELP = `npm run controls -- [options]

Every claim proves that it can fail: it passes on the platform as it is, and is red, by an assertion,
on the same platform broken on purpose by each of its controls.

  --platform DIR     the platform's files (default: fixtures/platforms/reference)
  --only GLOB        only claims whose id matches, such as 'sse/*'
  --report DIR       where controls.json goes (default: report)
  --json             the same on standard output, and nothing else there
  --help             this

Exit status: 0 every control turned its claim red, and every claim passed unbroken; 1 one did not,
or a claim has no control; 2 the input cannot be used; 3 the machine cannot carry the topology.
`

process.exitCode = await main().catch(reportFailure)
// Sockets of an engine that was spoken to may stay open for a while; nothing waits for them.
process.exit()

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    await print(process.stdout, HELP)
    return 0
  }
  const controls = await proveAll(options)
  const json = `${JSON.stringify(controls, null, 2)}\n`
  await mkdir(options.report, { recursive: true })
  await writeFile(join(options.report, 'controls.json'), json)
  await print(process.stdout, options.json ? json : formatControls(controls, process.stdout))
  return controls.summary.ok ? 0 : 1
}

async function proveAll(options: GateOptions): Promise<Controls> {
  const began = performance.now()
  const startedAt = new Date()
  const progress = new ProgressLine()
  const collector = new ControlCollector(progress.say)
  const runOptions = { ...options, controls: true }
  await runProject('claims', runOptions, {
    collector,
    progress,
    testNamePattern: claimPattern(options.only),
    passWithNoTests: true,
  })
  return controlsSchema.parse({
    schema: 1,
    platform: relative(process.cwd(), options.platform.root) || '.',
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - began),
    ...summarizeControls(collector.claims, collector.controls, collector.unbreakable),
  } satisfies Record<keyof Controls, unknown>)
}
