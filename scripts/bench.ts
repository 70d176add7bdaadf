import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import type Dockerode from 'dockerode'
import { InputError } from '../fixtures/platform/input-error.ts'
import { engine } from '../fixtures/topology/engine.ts'
import { checkout } from './bench-checkout.ts'
import { type Figures, measureGate } from './bench-gate.ts'
import { measureMutants } from './bench-mutants.ts'
import { reportFailure } from './failure.ts'
import { print } from './print.ts'

const HELP = `npm run bench [-- options]

Runs gates on this machine, on which nothing else should run, and prints what they take: time, processor seconds
by part, and what the container engine was asked to do. Medians, with the least and the most.

  --runs N          so many of each (default 5), after one that warms up
  --against REF     another commit, run by turns with this one, and the ratio to it
  --gates NAMES     which: whole,quick,claim,explain,list (default all)
  --platform DIR    the platform that is judged (default: the reference)
  --mutants N       judge so many mutants besides, for their pace (default 0)
`

/** Gates by their names here, with their arguments. */
const GATES: Record<string, string[]> = {
  whole: [],
  quick: ['--quick'],
  claim: ['--only', 'headers/hsts'],
  explain: ['--explain'],
  list: ['--list'],
}

process.exitCode = await main().catch(reportFailure)
process.exit()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      runs: { type: 'string', default: '5' },
      against: { type: 'string' },
      gates: { type: 'string', default: Object.keys(GATES).join() },
      platform: { type: 'string' },
      mutants: { type: 'string', default: '0' },
    },
  })
  if (values.help) {
    await print(process.stdout, HELP)
    return 0
  }
  const here = dirname(import.meta.dirname)
  const platform = values.platform === undefined ? [] : ['--platform', values.platform]
  const docker = (await engine()).container.dockerode as unknown as Dockerode
  await using other =
    values.against === undefined ? undefined : await checkout(here, values.against)
  for (const name of values.gates.split(',')) {
    const words = [...argumentsOf(name), ...platform]
    const ours: Figures[] = []
    const theirs: Figures[] = []
    for (let n = 0; n <= Number(values.runs); n++) {
      for (const [root, figures] of [
        [here, ours],
        [other?.root, theirs],
      ] as const) {
        if (root === undefined) continue
        const figuresOfOne = await measureGate(docker, root, words)
        // The first warms images and file caches, and is not counted.
        if (n > 0) figures.push(figuresOfOne)
        const which = root === here ? 'this tree' : other?.commit
        process.stderr.write(
          `${name} ${n || 'warm-up'}, ${which}: ${figuresOfOne['wall, s']?.toFixed(1)} s\n`,
        )
      }
    }
    const title = `gate ${words.join(' ')}`.trim()
    await print(process.stdout, `\n${table(title, ours, theirs, other?.commit)}`)
  }
  if (Number(values.mutants) > 0)
    await print(
      process.stdout,
      `\n${await measureMutants(Number(values.mutants), values.platform)}`,
    )
  return 0
}

/** @throws InputError where no gate is called so. */
function argumentsOf(name: string): string[] {
  const known = GATES[name]
  if (known !== undefined) return known
  throw new InputError(`no gate is called "${name}"`, {
    remedy: `--gates takes ${Object.keys(GATES).join(', ')}, with commas between.`,
  })
}

/** A line a figure: least, median and most; beside them the other commit's median, and the ratio of the medians. */
function table(title: string, ours: Figures[], theirs: Figures[], other?: string): string {
  const names = [...new Set([...ours, ...theirs].flatMap(each => Object.keys(each)))]
  const width = Math.max(title.length, ...names.map(name => name.length))
  const row = (name: string, cells: string[]) =>
    `${name.padEnd(width)} ${cells.map(cell => cell.padStart(9)).join(' ')}`.trimEnd()
  const head = row(title, [
    ...['least', 'median', 'most'],
    ...(other === undefined ? [] : [other, 'ratio']),
  ])
  const rows = names.map(name => {
    const mine = spread(ours, name)
    const cells = [mine.least, mine.median, mine.most].map(short)
    if (other === undefined) return row(name, cells)
    const their = spread(theirs, name)
    const ratio = their.median === 0 ? '' : (mine.median / their.median).toFixed(2)
    return row(name, [...cells, short(their.median), ratio])
  })
  return `${[head, ...rows].join('\n')}\n`
}

function spread(figures: Figures[], name: string): { least: number; median: number; most: number } {
  const sorted = figures.map(each => each[name] ?? 0).toSorted((a, b) => a - b)
  return {
    least: sorted[0] ?? 0,
    median: sorted[Math.floor(sorted.length / 2)] ?? 0,
    most: sorted.at(-1) ?? 0,
  }
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2)
}
