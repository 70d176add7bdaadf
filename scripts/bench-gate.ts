import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type Dockerode from 'dockerode'
import { type Verdict, verdictSchema } from '../fixtures/verdict/schema.ts'
import { EngineCounter } from './bench-counts.ts'
import { ProcessorTime } from './bench-processors.ts'

/** How often a running gate is looked at, in milliseconds: between looks nobody sees what a container used last. */
const LOOK_MS = 50

/** Figures of one run of a command, by name with unit. */
export type Figures = Record<string, number>

/**
 * Runs `npm run gate -- ARGUMENTS` of a checkout, less npm itself, and measures it. Nothing else should run: processor
 * time is the machine's, and what the engine does is counted whoever asked for it.
 */
export async function measureGate(
  docker: Dockerode,
  checkout: string,
  gateArguments: readonly string[],
): Promise<Figures> {
  const report = await mkdtemp(join(tmpdir(), 'topology-bench-'))
  const counter = await EngineCounter.start(docker)
  const began = performance.now()
  const child = spawn(
    'sh',
    [join(checkout, 'scripts/gate.sh'), '--report', report, ...gateArguments],
    { cwd: checkout, env: withTools(checkout), stdio: 'ignore' },
  )
  const ended = once(child, 'exit')
  const time = await ProcessorTime.start(docker, child.pid ?? 0)
  const memory = new Memory(child.pid ?? 0)
  try {
    let wall: number | undefined
    void ended.then(() => {
      wall = performance.now() - began
    })
    while (wall === undefined) {
      await Promise.all([time.look(), memory.look(), Promise.race([sleep(LOOK_MS), ended])])
    }
    const [status] = await ended
    const verdict = await readFile(join(report, 'verdict.json'), 'utf8').catch(() => undefined)
    const processors = await time.end()
    return {
      'wall, s': wall / 1000,
      ...named('processors', processors),
      ...(await counter.end()),
      ...memory.figures,
      ...(verdict !== undefined && phases(verdictSchema.parse(JSON.parse(verdict)))),
      'exit status': status ?? -1,
    }
  } finally {
    await rm(report, { recursive: true, force: true })
  }
}

/** The environment that npm gives its scripts. */
function withTools(checkout: string): NodeJS.ProcessEnv {
  const path = [join(checkout, 'node_modules/.bin'), process.env.PATH].join(delimiter)
  return { ...process.env, PATH: path }
}

function named(group: string, values: Record<string, number>): Figures {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${group}: ${name}, s`, value]),
  )
}

function phases({ phases }: Verdict): Figures {
  return named('phase', Object.fromEntries(phases.map(({ name, ms }) => [name, ms / 1000])))
}

/** Peaks, as the kernel accounts for them. */
class Memory {
  readonly figures: Figures = {}
  readonly #pid: number

  constructor(pid: number) {
    this.#pid = pid
  }

  async look(): Promise<void> {
    const status = await readFile(`/proc/${this.#pid}/status`, 'utf8').catch(() => '')
    // The kernel keeps the peak itself, so the last look has it.
    const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
    this.#keep('gate process, peak MB', peak)
    this.#keep('all containers, peak MB', await containersMegabytes())
  }

  #keep(name: string, value: number): void {
    this.figures[name] = Math.round(Math.max(this.figures[name] ?? 0, value))
  }
}

/** Memory of all containers, without the file cache that the kernel could take back at any time; 0 where it is not told. */
async function containersMegabytes(): Promise<number> {
  const directory = '/sys/fs/cgroup/memory/docker'
  const names = await readdir(directory).catch(() => [])
  const used = names.map(async name => {
    const [bytes, stat] = await Promise.all(
      ['memory.usage_in_bytes', 'memory.stat'].map(file =>
        readFile(join(directory, name, file), 'utf8').catch(() => '0'),
      ),
    )
    return Number(bytes) - Number(/^total_inactive_file (\d+)$/m.exec(stat ?? '')?.[1] ?? 0)
  })
  const all = (await Promise.all(used)).filter(bytes => bytes > 0)
  return all.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20
}
