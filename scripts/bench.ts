import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type Dockerode from 'dockerode'
import { engine } from '../fixtures/topology/engine.ts'
import { type Verdict, verdictSchema } from '../fixtures/verdict/schema.ts'
import { measureMutants } from './bench-mutants.ts'
import { print } from './print.ts'

/** How often a running gate is looked at, in milliseconds. */
const LOOK_MS = 200

/** Figures of one gate. */
type Figures = Record<string, number>

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    /** How many mutants are judged for their pace; none where it is 0. */
    mutants: { type: 'string', default: '120' },
    platform: { type: 'string' },
  },
})
const docker = (await engine()).container.dockerode as unknown as Dockerode
/** Runs one gate and watches its process and its containers. */
async function measure(): Promise<Figures> {
  const report = await mkdtemp(join(tmpdir(), 'topology-bench-'))
  const began = performance.now()
  const platform = values.platform === undefined ? [] : ['--platform', values.platform]
  const child = spawn(
    process.execPath,
    // As `npm run gate` starts it: small young generations, because most of its objects are dead at once.
    [
      '--max-semi-space-size=2',
      join(import.meta.dirname, 'gate.ts'),
      '--json',
      '--report',
      report,
      ...platform,
    ],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  )
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  const watch = new Watch(child.pid ?? 0)
  const status = await Promise.race([ended, watch.until(ended)])
  const wall = (performance.now() - began) / 1000
  try {
    const verdict = verdictSchema.parse(
      JSON.parse(await readFile(join(report, 'verdict.json'), 'utf8')),
    )
    return {
      'wall, s': round(wall),
      ...phases(verdict),
      ...watch.figures,
      'exit status': status ?? -1,
    }
  } finally {
    await rm(report, { recursive: true, force: true })
  }
}

function phases(verdict: Verdict): Figures {
  return Object.fromEntries(
    verdict.phases.map(({ name, ms }) => [`phase ${name}, s`, round(ms / 1000)]),
  )
}

/** Looks at a process and at the containers that it started, as the kernel and the engine account for them. */
class Watch {
  figures: Figures = {}
  readonly #pid: number
  #containers = 0

  constructor(pid: number) {
    this.#pid = pid
  }

  async until(ended: Promise<unknown>): Promise<never> {
    let over = false
    void ended.then(() => {
      over = true
    })
    while (!over) {
      await Promise.all([this.#lookAtProcess(), this.#lookAtContainers()])
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
    return new Promise(() => {})
  }

  async #lookAtProcess(): Promise<void> {
    try {
      const [status, stat] = await Promise.all([
        readFile(`/proc/${this.#pid}/status`, 'utf8'),
        readFile(`/proc/${this.#pid}/stat`, 'utf8'),
      ])
      // The kernel keeps the peak itself, so the last look has it.
      this.figures['gate process, peak MB'] = Math.round(
        Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
      )
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      // Clock ticks, of which Linux counts 100 a second for every program.
      this.figures['gate processor time, s'] = round(
        (Number(fields[11]) + Number(fields[12])) / 100,
      )
    } catch {
      // It has just ended; the last look stands.
    }
  }

  async #lookAtContainers(): Promise<void> {
    const containers = await docker.listContainers({ filters: { label: ['topology.run'] } })
    const own = containers.filter(
      ({ Labels }) => Labels['topology.process']?.split('/')[1] === String(this.#pid),
    )
    const used = await Promise.all(own.map(({ Id }) => memoryOf(Id)))
    this.#containers = Math.max(
      this.#containers,
      used.reduce((sum, bytes) => sum + bytes, 0),
    )
    this.figures['all containers, peak MB'] = Math.round(this.#containers / 1024 / 1024)
  }
}

/** Memory of a container in bytes, without the file cache that the kernel could take back at any time. */
async function memoryOf(id: string): Promise<number> {
  try {
    const { memory_stats: memory } = await docker
      .getContainer(id)
      .stats({ stream: false, 'one-shot': true })
    const cache = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0
    return (memory.usage ?? 0) - cache
  } catch {
    return 0
  }
}

function table(figures: Figures[]): string {
  const names = Object.keys(figures[0] ?? {})
  const width = Math.max(...names.map(name => name.length))
  const rows = names.map(name => {
    const sorted = figures.map(each => each[name] ?? 0).sort((a, b) => a - b)
    const cells = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)]
    return `${name.padEnd(width)} ${cells.map(cell => String(cell).padStart(9)).join('')}`
  })
  const head = `${`${figures.length} warm gates`.padEnd(width)} ${['least', 'median', 'most'].map(word => word.padStart(9)).join('')}`
  return `${[head, ...rows].join('\n')}\n`
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

const runs: Figures[] = []
// The first warms images and file caches, and is not counted.
for (let n = 0; n <= Number(values.runs) && Number(values.runs) > 0; n++) {
  const figures = await measure()
  if (n > 0) runs.push(figures)
  process.stderr.write(`${n === 0 ? 'warm-up' : `run ${n}`}: ${figures['wall, s']} s\n`)
}
if (runs.length > 0) await print(process.stdout, table(runs))
if (Number(values.mutants) > 0)
  await print(process.stdout, `\n${await measureMutants(Number(values.mutants), values.platform)}`)
process.exit()
