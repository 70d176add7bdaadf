import { Socket } from 'node:net'
import { Client, DatabaseError } from 'pg'
import { attemptsOf, type SslMode, sslModeOf, withMode } from './connection-string.ts'
import type { DatabaseRecord, DatabaseServer, StandInCertificate } from './protocol.ts'
import { openStandInDatabase } from './stand-in-database.ts'

/** A database that has not let the backend in by then is not there. */
const CONNECT_MS = 5_000

const SSL_OF_THIS_CONNECTION =
  'SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()'

/** The backend's way to its database: the platform's own connection string, read as libpq reads it. */
export class Database {
  readonly #url: string
  readonly #keepsDead: boolean
  /** Connections that are open and lent to nobody, the last used one at the end. */
  readonly #idle: Client[] = []
  /** One use at a time. */
  #turn: Promise<DatabaseRecord> = Promise.resolve({ connected: false })

  /** @param keepsDead a pool that lends a connection again and again, also one that was lost. */
  constructor(url: string, { keepsDead = false }: { keepsDead?: boolean } = {}) {
    this.#url = url
    this.#keepsDead = keepsDead
  }

  /**
   * The state of the ordinary connection that a backend keeps open, by the server's own word.
   * One that was lost, or never came about, is opened now: once, and within five seconds.
   */
  use(): Promise<DatabaseRecord> {
    this.#turn = this.#turn.then(() => this.#useNow())
    return this.#turn
  }

  /**
   * Asks the database something that takes so many seconds, on a connection of the pool. Gives what went wrong,
   * if something did.
   */
  async query(seconds: number): Promise<string | undefined> {
    const asked = {
      text: 'SELECT pg_sleep($1)',
      values: [seconds],
      query_timeout: seconds * 1000 + CONNECT_MS,
    }
    try {
      await this.#lend(client => client.query(asked))
      return undefined
    } catch (error) {
      return this.#failed(error).error
    }
  }

  /** Opens another connection to the real server or to a stand-in, and closes it. */
  async connect(server: DatabaseServer, certificate?: StandInCertificate): Promise<DatabaseRecord> {
    if (server === 'platform') return this.#connectOnce()
    if (server === 'plain-text') return this.#meetStandIn()
    if (!certificate) throw new Error(`server ${server} needs a certificate to show`)
    return this.#meetStandIn(certificate)
  }

  /** Ends the connections that are lent to nobody. */
  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(client => client.end()))
  }

  async #connectOnce(): Promise<DatabaseRecord> {
    try {
      const client = await connected(this.#url)
      try {
        return await inspected(client)
      } finally {
        await client.end()
      }
    } catch (error) {
      return this.#failed(error)
    }
  }

  async #meetStandIn(certificate?: StandInCertificate): Promise<DatabaseRecord> {
    await using standIn = await openStandInDatabase(certificate)
    try {
      const client = await connected(this.#url, standIn.port)
      await client.end()
      return { connected: true, wentOn: standIn.wentOn }
    } catch (error) {
      return { ...this.#failed(error), wentOn: standIn.wentOn }
    }
  }

  async #useNow(): Promise<DatabaseRecord> {
    try {
      return await this.#lend(inspected)
    } catch (error) {
      return this.#failed(error)
    }
  }

  /** Lends a connection for some work, as pools do: one that fails is not lent again. */
  async #lend<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.#sound()
    try {
      const done = await work(client)
      this.#idle.push(client)
      return done
    } catch (error) {
      if (this.#keepsDead) this.#idle.push(client)
      else client.end().catch(() => {})
      throw error
    }
  }

  /** A connection that was tested just now, or is new. */
  async #sound(): Promise<Client> {
    for (let client = this.#idle.pop(); client !== undefined; client = this.#idle.pop()) {
      if (this.#keepsDead) return client
      try {
        await client.query('SELECT')
        return client
      } catch {
        client.end().catch(() => {})
      }
    }
    return connected(this.#url)
  }

  #failed(error: unknown): DatabaseRecord {
    return { connected: false, error: withoutPassword(String(error), this.#url) }
  }
}

async function inspected(client: Client): Promise<DatabaseRecord> {
  const { rows } = await client.query<{
    ssl: boolean
    version: string | null
    cipher: string | null
  }>(SSL_OF_THIS_CONNECTION)
  const [row] = rows
  if (!row) throw new Error('the server says nothing of this connection in pg_stat_ssl')
  return { connected: true, ssl: { encrypted: row.ssl, version: row.version, cipher: row.cipher } }
}

/** A connection by the string's `sslmode`; with `standInPort`, only the dial goes elsewhere. */
async function connected(url: string, standInPort?: number): Promise<Client> {
  const [first, ...others] = attemptsOf(sslModeOf(url))
  try {
    return await attempt(url, first, standInPort)
  } catch (error) {
    const [second] = others
    if (second === undefined || !isContentWithLess(first, error)) throw error
    return attempt(url, second, standInPort)
  }
}

async function attempt(url: string, mode: SslMode, standInPort?: number): Promise<Client> {
  const client = new Client({
    connectionString: withMode(url, mode),
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
    stream: standInPort === undefined ? undefined : () => dialling(standInPort),
  })
  // A lost connection shows at its next use.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    client.end().catch(() => {})
    throw error
  }
  return client
}

/** Whether the refusal of the first attempt is one that `prefer` or `allow` answers with another. */
function isContentWithLess(mode: SslMode, error: unknown): boolean {
  if (mode === 'disable') return error instanceof DatabaseError
  return error instanceof Error && error.message === 'The server does not support SSL connections'
}

/** A socket that goes to the stand-in, whatever it is told; the name to verify stays the real one. */
function dialling(port: number): Socket {
  const socket = new Socket()
  const dial = socket.connect.bind(socket)
  socket.connect = () => dial(port, '127.0.0.1')
  return socket
}

function withoutPassword(text: string, url: string): string {
  const password = /^[^:]+:\/\/[^:@/]*:([^@/]+)@/.exec(url)?.[1]
  return password ? text.replaceAll(password, '…') : text
}
