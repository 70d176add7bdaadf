/**
 * What is said between a stub and whoever steers it. Plain data only: it crosses a container's wall.
 */

/** Requests carry this header, so that many claims can share one stub. */
export const NONCE_HEADER = 'x-topology-nonce'

/** Where a stub takes its orders, apart from its service port. Every request needs the run's token. */
export const CONTROL_PORT = 7077

/** How a stub is to answer requests with a certain nonce. Without one it behaves as the real service would. */
export interface Steering {
  status?: number
  /** Sent as given, repeats included, in place of the stub's own headers of the same name. */
  headers?: [name: string, value: string][]
  /** Headers that the stub would send by itself, to be left out (lower case). */
  without?: string[]
  body?: string
  /** A generated body of this many bytes (the letter `x`). */
  bodyBytes?: number
  trailers?: [name: string, value: string][]
  /** Wait before the answer begins. */
  delayMs?: number
  /** Never answer; the request stays open until the client goes or the stub ends. */
  hold?: boolean
  /** Answer as an event stream that the steerer feeds. */
  stream?: boolean
  /** Close the connection after this many bytes of the body. */
  dieAfterBytes?: number
}

/** One request, as it reached a stub. */
export interface RequestRecord {
  id: number
  role: 'frontend' | 'backend'
  /** The name that tells two instances of one role apart. */
  instance: string
  nonce: string | undefined
  method: string
  /** The request target exactly as received. */
  target: string
  httpVersion: string
  /** In order and case as received. */
  headers: [name: string, value: string][]
  /** Address and port of the peer that connected. */
  peer: { address: string; port: number }
  /** The port it came in on. */
  localPort: number
  body: { bytes: number; sha256: string; complete: boolean }
  /** Milliseconds of the stub's clock. */
  receivedAt: number
  /** What the stub answered, once it has. */
  answered?: { status: number; at: number }
  /** When the peer went away before the answer was complete. */
  abortedAt?: number
}

/** Something reached a service port that is not HTTP. */
export interface ForeignRecord {
  role: 'frontend' | 'backend'
  peer: { address: string; port: number }
  localPort: number
  /** The first bytes, in hexadecimal. `16 03` begins a TLS handshake. */
  firstBytes: string
  receivedAt: number
}

/** An event stream that a backend stub holds open. */
export interface StreamState {
  id: number
  /** The request that opened it. */
  request: RequestRecord
  open: boolean
  openedAt: number
  closedAt?: number
  /** `client`: the peer went away. `stub`: told to end. */
  closedBy?: 'client' | 'stub'
}

/** What came of an attempt to open a TCP connection from inside a container. */
export interface DialRecord {
  reached: boolean
  error?: string
  tookMs: number
}

/** Which server a backend stub meets when it connects with the platform's connection string. */
export type DatabaseServer =
  /** The real one. */
  | 'platform'
  /** One that answers every request for encryption with "no". */
  | 'plain-text'
  /** One whose certificate comes from another authority, but carries the right name. */
  | 'other-authority'
  /** One whose certificate comes from the right authority, but carries another name. */
  | 'other-name'

/** What came of a backend's attempt to connect to its database. */
export interface DatabaseRecord {
  connected: boolean
  /** The server's view of the connection (`pg_stat_ssl`), when the platform's own server was reached. */
  ssl?: { encrypted: boolean; version: string | null; cipher: string | null }
  /** A stand-in's view: did the client go on (sent its start-up message, which holds user and database names, in this way)? */
  wentOn?: 'in plain text' | 'encrypted' | 'no'
  error?: string
}
