import { createClient } from '@redis/client'
import type { RedisRecord } from './protocol.ts'

/** A Redis that has not let the backend in by then is not there. */
const CONNECT_MS = 5_000

/** Where instances tell each other of events. */
const CHANNEL = 'events'

type Connection = ReturnType<typeof client>

interface Kept {
  publisher: Connection
  subscriber: Connection
}

/** The backend's way to its other instances: what one publishes, each of them receives, itself included. */
export class Redis {
  readonly #url: string
  readonly #receive: (data: Buffer) => void
  #kept: Kept | undefined
  #opening: Promise<Kept> | undefined

  /**
   * @param url as the platform gives it to its backend.
   * @param receive is called with each event that any instance publishes, from the first `use` on.
   */
  constructor(url: string, receive: (data: Buffer) => void) {
    this.#url = url
    this.#receive = receive
  }

  /** Whether it is connected and subscribed; a connection that was lost, or never came about, is opened now, once. */
  async use(): Promise<RedisRecord> {
    try {
      const { publisher } = await this.#connected()
      await publisher.ping()
      return { connected: true }
    } catch (error) {
      return this.#failed(error)
    }
  }

  /** Hands an event to every instance that is subscribed; says how many those are. */
  async publish(data: Buffer): Promise<RedisRecord> {
    try {
      const { publisher } = await this.#connected()
      return { connected: true, receivers: await publisher.publish(CHANNEL, data) }
    } catch (error) {
      return this.#failed(error)
    }
  }

  close(): void {
    this.#drop(this.#kept)
  }

  async #connected(): Promise<Kept> {
    if (this.#kept?.publisher.isReady && this.#kept.subscriber.isReady) return this.#kept
    this.#drop(this.#kept)
    // Orders may come at once, and share the attempt.
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    this.#kept = await this.#opening
    return this.#kept
  }

  async #open(): Promise<Kept> {
    const kept = { publisher: client(this.#url), subscriber: client(this.#url) }
    try {
      await Promise.all([kept.publisher.connect(), kept.subscriber.connect()])
      const password = passwordAlone(this.#url)
      if (password !== undefined) await kept.publisher.sendCommand(['AUTH', password])
      await kept.subscriber.subscribe(CHANNEL, data => this.#receive(data), true)
      return kept
    } catch (error) {
      this.#drop(kept)
      throw error
    }
  }

  #drop(kept: Kept | undefined): void {
    for (const client of Object.values(kept ?? {})) if (client.isOpen) client.destroy()
    if (this.#kept === kept) this.#kept = undefined
  }

  #failed(error: unknown): RedisRecord {
    return { connected: false, error: String(error) }
  }
}

/**
 * The password of an address that names no user. Most clients send such a one by itself, which a Redis that asks for
 * none refuses; this one names the default user, which any Redis lets in.
 */
function passwordAlone(url: string): string | undefined {
  const { username, password } = new URL(url)
  return username === '' && password !== '' ? decodeURIComponent(password) : undefined
}

function client(url: string) {
  const created = createClient({
    url,
    // Whoever asks is told at once how it stands.
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: false },
  })
  // A lost connection shows at its next use.
  created.on('error', () => {})
  return created
}
