import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { InputError } from '../fixtures/platform/input-error.ts'
import { printableJson } from '../fixtures/printable.ts'
import type { Run } from '../fixtures/run.ts'
import { EnvironmentError } from '../fixtures/topology/environment-error.ts'
import { Collector } from '../fixtures/verdict/collector.ts'
import { githubAnnotations } from '../fixtures/verdict/github.ts'
import { askedQuestions } from '../fixtures/verdict/questions.ts'
import {
  type ClaimRecord,
  summarize,
  type Verdict,
  verdictSchema,
} from '../fixtures/verdict/schema.ts'
import { formatVerdict } from '../fixtures/verdict/text.ts'
import { claimIds } from '../suites/claim-ids.ts'
import { acceptReds } from './accept.ts'
import { showRequest } from './at.ts'
import { claimPattern } from './claim-pattern.ts'
import { explainPlatform } from './explain.ts'
import { reportFailure } from './failure.ts'
import { initContract } from './init.ts'
import { requireClaims } from './known-claims.ts'
import { listClaims, listCoverage } from './list-claims.ts'
import { type GateOptions, HELP, readOptions } from './options.ts'
import { print } from './print.ts'
import { ProgressLine } from './progress.ts'
import { runVitest, withRun } from './run-suites.ts'
import { seekRemedies } from './seek-remedies.ts'
import { tellFixes, writeFixes } from './write-fixes.ts'

process.exitCode = await main().catch(reportFailure)
// Sockets of an engine that was spoken to may stay open for a while; nothing waits for them.
process.exit()

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    await print(process.stdout, HELP)
    return 0
  }
  requireClaims(options.only, await claimIds())
  if (options.list) {
    await print(process.stdout, await listClaims(options.only))
    return 0
  }
  if (options.coverage) {
    process.stdout.write(await listCoverage(options.only))
    return 0
  }
  if (options.explain) {
    await print(process.stdout, await explainPlatform(options))
    return 0
  }
  if (options.at !== undefined) {
    await print(process.stdout, await showRequest(options))
    return 0
  }
  if (options.init) {
    await print(process.stdout, await initContract(options))
    return 0
  }
  const began = performance.now()
  const progress = new ProgressLine()
  return withRun({ ...options, progress: progress.say }, run =>
    judge(run, options, progress, began),
  ).finally(progress.clear)
}

/**
 * Judges a platform, and reports before anything is taken down: nobody waits for that who wants the verdict.
 * @returns the exit status.
 */
async function judge(
  run: Run,
  options: GateOptions,
  progress: ProgressLine,
  began: number,
): Promise<number> {
  const collector = new Collector(({ id }) => progress.say(`judged ${id}`))
  // A platform that cannot be used ends the gate at once, whatever the test runner is doing.
  const judged = run.phases.time('claims', () =>
    runVitest(
      [],
      {
        project: ['claims'],
        reporters: [collector, 'junit'],
        outputFile: { junit: join(options.report, 'junit.xml') },
        testNamePattern: claimPattern(options.only),
        passWithNoTests: true,
        silent: true,
      },
      'silenced',
    ),
  )
  const [{ platform }] = await Promise.all([run.ready, judged])
  if (collector.errors.length > 0)
    throw new EnvironmentError(`The suites could not be run: ${collector.errors.join('\n')}`)
  if (collector.claims.length === 0)
    throw new InputError(`no claim's id matches "${options.only}"`, {
      remedy: '`npm run gate -- --list` shows every id.',
    })
  // Reds that are accepted for now are not mended now.
  const acceptance = options.accept ? await acceptReds(platform, collector.claims) : undefined
  const { strict, fix } = options
  const {
    claims,
    fixes,
    errors = [],
  } = acceptance
    ? { claims: acceptance.claims, fixes: undefined }
    : await seekRemedies(run, collector.claims, { fix, strict, progress: progress.say })
  progress.clear()
  // The verdict stands all the same.
  if (errors.length > 0)
    await print(process.stderr, `The search for remedies failed: ${errors.join('\n')}\n`)
  const verdict = await assemble(run, claims, options, performance.now() - began)
  if (acceptance) verdict.platform.contract ??= acceptance.file
  await report(verdict, options)
  if (fix) await tellFixes(await writeFixes(fixes, options), options)
  if (acceptance)
    await print(options.json ? process.stderr : process.stdout, `\n${acceptance.text}`)
  return verdict.summary.ok ? 0 : 1
}

async function assemble(
  run: Run,
  claims: ClaimRecord[],
  options: GateOptions,
  durationMs: number,
): Promise<Verdict> {
  const { platform, topology } = await run.ready
  const { edgeImage, edgeNote, nginxVersion } = topology.description
  return verdictSchema.parse({
    schema: 1,
    platform: {
      root: relative(process.cwd(), platform.root) || '.',
      nginx: platform.nginx.directory,
      compose: platform.compose?.file,
      diagram: platform.diagram?.file,
      contract: platform.contractFile,
      assumptions: platform.assumptions,
    },
    edge: { image: edgeImage, version: nginxVersion, note: edgeNote },
    startedAt: run.startedAt.toISOString(),
    durationMs: Math.round(durationMs),
    phases: run.phases.list,
    summary: summarize(claims, options.strict),
    questions: askedQuestions(platform.contract.questions, claims),
    claims,
  } satisfies Record<keyof Verdict, unknown>)
}

async function report(verdict: Verdict, options: GateOptions): Promise<void> {
  const json = `${printableJson(verdict)}\n`
  await mkdir(options.report, { recursive: true })
  await writeFile(join(options.report, 'verdict.json'), json)
  if (options.json) await print(process.stdout, json)
  else await print(process.stdout, formatVerdict(verdict, process.stdout, options.strict))
  if (process.env.GITHUB_ACTIONS !== undefined) {
    // Standard output may be the verdict alone; the runner reads commands on standard error as well.
    const stream = options.json ? process.stderr : process.stdout
    // The suite may have been checked out beside the platform: GitHub counts from its own workspace.
    const repository = process.env.GITHUB_WORKSPACE ?? process.cwd()
    await print(
      stream,
      githubAnnotations(verdict, relative(repository, options.platform.root), options.strict)
        .map(line => `${line}\n`)
        .join(''),
    )
  }
}
