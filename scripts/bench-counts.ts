import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type Dockerode from 'dockerode'

/** What an engine was asked to do, counted. */
export interface Counts {
  containers: number
  execs: number
  networks: number
  'published ports': number
  'archives copied in': number
  'image builds': number
}

interface EngineEvent {
  Type: string
  Action: string
  Actor: { ID: string }
}

/** Counts what the engine does, whoever asks: nothing else should ask while it counts. */
export class EngineCounter {
  readonly counts: Counts = {
    containers: 0,
    execs: 0,
    networks: 0,
    'published ports': 0,
    'archives copied in': 0,
    'image builds': 0,
  }
  readonly #docker: Dockerode
  readonly #events: Readable
  readonly #inspected: Promise<unknown>[] = []

  private constructor(docker: Dockerode, events: Readable) {
    this.#docker = docker
    this.#events = events
    createInterface(events).on('line', line => this.#count(JSON.parse(line)))
  }

  static async start(docker: Dockerode): Promise<EngineCounter> {
    return new EngineCounter(docker, (await docker.getEvents({})) as unknown as Readable)
  }

  async end(): Promise<Counts> {
    await Promise.all(this.#inspected)
    this.#events.destroy()
    return this.counts
  }

  #count({ Type, Action, Actor }: EngineEvent): void {
    const { counts } = this
    if (Type === 'network' && Action === 'create') counts.networks++
    // The classic builder says no more of a build than that its result has a name.
    if (Type === 'image' && (Action === 'tag' || Action === 'build')) counts['image builds']++
    if (Type !== 'container') return
    if (Action === 'create') {
      counts.containers++
      this.#inspected.push(this.#countPorts(Actor.ID))
    }
    if (Action === 'extract-to-dir') counts['archives copied in']++
    // Its name is followed by the command.
    if (Action.startsWith('exec_start')) counts.execs++
  }

  async #countPorts(id: string): Promise<void> {
    const { HostConfig } = await this.#docker.getContainer(id).inspect()
    this.counts['published ports'] += Object.keys(HostConfig.PortBindings ?? {}).length
  }
}
