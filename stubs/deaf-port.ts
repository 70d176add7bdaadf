import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

/** More connections than the kernel keeps for a listener with the smallest of queues. */
const MOST_KEPT = 16

/** Between two looks at the kernel's counter, in milliseconds: it tells nobody when it counts. */
const LOOK_MS = 10

/** How long a connection to this very host may take before it counts as unanswered, in milliseconds. */
const UNANSWERED_MS = 5_000

/** A port that neither takes a connection nor refuses it: to whoever dials, the host has vanished. */
export interface DeafPort {
  /** How many attempts to connect were left unanswered so far, repetitions included. */
  knocks(): Promise<number>
  close(): Promise<void>
}

/**
 * Listens, and takes nobody: the queue of waiting connections is filled, and for a full queue the kernel drops
 * what comes. Needs no right that a process does not have.
 *
 * @throws Error when the port is taken, or the system answers all the same.
 */
export async function openDeafPort(port: number): Promise<DeafPort> {
  const wake = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const worker = new Worker(new URL('./deaf-listener.ts', import.meta.url), {
    workerData: { port, wake },
  })
  const ended = once(worker, 'exit')
  await once(worker, 'message')
  const waiting: Socket[] = []
  const close = async () => {
    for (const socket of waiting) socket.destroy()
    Atomics.store(wake, 0, 1)
    Atomics.notify(wake, 0)
    await ended
  }
  try {
    await fill(port, waiting)
  } catch (error) {
    await close()
    throw error
  }
  const before = await dropped()
  return { knocks: async () => (await dropped()) - before, close }
}

/** Opens connections until one is left unanswered; that one is given up, so that only strangers knock. */
async function fill(port: number, waiting: Socket[]): Promise<void> {
  const before = await dropped()
  for (let kept = 0; kept < MOST_KEPT; kept++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    waiting.push(socket)
    const deadline = performance.now() + UNANSWERED_MS
    while (socket.connecting && (await dropped()) === before) {
      if (performance.now() > deadline) throw new Error('the system counts no dropped connections')
      await wait(LOOK_MS)
    }
    if (socket.connecting) {
      socket.destroy()
      return
    }
  }
  throw new Error(`port ${port} takes connections that nobody accepts`)
}

/** How many attempts to connect this host has dropped for a full queue, says the kernel. */
async function dropped(): Promise<number> {
  const [names, values] = (await readFile('/proc/net/netstat', 'utf8'))
    .split('\n')
    .filter(line => line.startsWith('TcpExt:'))
    .map(line => line.split(' '))
  return Number(values?.[names?.indexOf('ListenOverflows') ?? -1] ?? 0)
}
