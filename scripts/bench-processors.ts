import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type Dockerode from 'dockerode'

/** Processor seconds by part: `node`, each role's containers, and `engine`, which is all the rest of the machine. */
export type ProcessorSeconds = Record<string, number>

/** Where Linux keeps account of containers: control groups of the first and of the second kind. */
const ACCOUNTS = [
  { directory: '/sys/fs/cgroup/cpuacct/docker', file: 'cpuacct.usage' },
  { directory: '/sys/fs/cgroup/docker', file: 'cpu.stat' },
  { directory: '/sys/fs/cgroup/system.slice', file: 'cpu.stat' },
] as const

/** Ticks a second in which Linux tells processor time to every program. */
const TICKS = 100

/**
 * Looks at the machine's processor time while something runs. A container's is known until the last look before it
 * went, so looks have to be frequent.
 */
export class ProcessorTime {
  readonly #docker: Dockerode
  readonly #pid: number
  #node = 0
  readonly #seconds = new Map<string, number>()
  readonly #roles = new Map<string, Promise<string>>()
  #before = 0

  private constructor(docker: Dockerode, pid: number) {
    this.#docker = docker
    this.#pid = pid
  }

  static async start(docker: Dockerode, pid: number): Promise<ProcessorTime> {
    const time = new ProcessorTime(docker, pid)
    time.#before = await busySeconds()
    return time
  }

  async look(): Promise<void> {
    await Promise.all([this.#lookAtProcess(), ...ACCOUNTS.map(each => this.#lookAt(each))])
  }

  async end(): Promise<ProcessorSeconds> {
    const busy = (await busySeconds()) - this.#before
    const parts: ProcessorSeconds = { node: this.#node }
    for (const [id, seconds] of this.#seconds) {
      const role = await this.#roles.get(id)
      if (role !== undefined && role !== '') parts[role] = (parts[role] ?? 0) + seconds
    }
    const known = Object.values(parts).reduce((sum, each) => sum + each, 0)
    return { all: busy, ...parts, engine: Math.max(0, busy - known) }
  }

  /** The process, and those of its children that have ended. */
  async #lookAtProcess(): Promise<void> {
    const stat = await readFile(`/proc/${this.#pid}/stat`, 'utf8').catch(() => undefined)
    if (stat === undefined) return
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
    this.#node = fields.reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS
  }

  async #lookAt({ directory, file }: (typeof ACCOUNTS)[number]): Promise<void> {
    const names = await readdir(directory).catch(() => [])
    await Promise.all(
      names.map(async name => {
        const id = /(?:^|-)([0-9a-f]{64})(?:\.scope)?$/.exec(name)?.[1]
        if (id === undefined) return
        const said = await readFile(join(directory, name, file), 'utf8').catch(() => undefined)
        if (said === undefined) return
        this.#seconds.set(id, secondsOf(said))
        if (!this.#roles.has(id)) this.#roles.set(id, this.#roleOf(id))
      }),
    )
  }

  async #roleOf(id: string): Promise<string> {
    const known = await this.#docker
      .getContainer(id)
      .inspect()
      .catch(() => undefined)
    return known?.Config.Labels['topology.role'] ?? ''
  }
}

/** Nanoseconds alone, or lines of which one has microseconds. */
function secondsOf(said: string): number {
  const microseconds = /^usage_usec (\d+)$/m.exec(said)?.[1]
  return microseconds === undefined ? Number(said) / 1e9 : Number(microseconds) / 1e6
}

/** What all processors together have worked since the machine started. */
async function busySeconds(): Promise<number> {
  const [, ...ticks] = ((await readFile('/proc/stat', 'utf8')).split('\n')[0] ?? '').split(/\s+/)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = ticks.map(Number)
  return (user + nice + system + irq + softirq) / TICKS
}
