/**
 * What is said between a stub and whoever steers it. Plain data only: it crosses a container's wall.
 */

/**
 * Requests carry this header, so that many claims can share one stub. A client that cannot set headers
 * (a browser's `EventSource`) may use a query parameter of the same name.
 */
export const NONCE_HEADER = 'x-topology-nonce'

/** Where a stub takes its orders, apart from its service port. Every request needs the run's token. */
export const CONTROL_PORT = 7077

/** Key and certificate of a stub that speaks TLS. */
export const KEY = '/run/topology/stub.key'
export const CERTIFICATE = '/run/topology/stub.crt'

/** A file that a stub finds in its container. */
export interface StubFile {
  path: string
  content: string
}

/** A port of a stub. */
export interface StubPort {
  port: number
  tls: boolean
}

/** The paths that a stub tells apart, as in the platform's contract. */
export interface StubPaths {
  /** Prefix of the API, with its slashes: `/api/`. */
  api: string
  /** What the backend sees in place of `api`: the same when kept, `/` when stripped. */
  apiAtBackend: string
  login: string
  stream?: string
  /** What the backend sees in place of those two, where that is not what it sees of all the API. */
  loginAtBackend?: string
  streamAtBackend?: string
  /** The backend answers pages, too: there is no frontend. */
  pagesAtBackend?: boolean
  /** Prefix of the frontend's immutable files. */
  static: string
}

/** A header as it stands on the wire; bytes past ASCII are read as Latin-1. */
export type Header = [name: string, value: string]

/** How a stub is to answer requests with a certain nonce. Without one it behaves as the real service would. */
export interface Steering {
  status?: number
  /** Sent as given, repeats included, in place of the stub's own headers of the same name. */
  headers?: Header[]
  /** Headers that the stub would send by itself, to be left out (lower case). */
  without?: string[]
  /** Sent as UTF-8. */
  body?: string
  /** Bytes that are no text (a compressed body, say), in base64; in place of `body`. */
  bodyBase64?: string
  /** A generated body of this many bytes (the letter `x`). */
  bodyBytes?: number
  trailers?: Header[]
  /** Wait before the answer begins. */
  delayMs?: number
  /** Never answer; the request stays open until the client goes or the stub ends. */
  hold?: boolean
  /** Take nothing of the request's body, and never answer. */
  unread?: boolean
  /** Answer as an event stream that the steerer feeds. */
  stream?: boolean
  /**
   * Ask the database before the answer, as a request does that needs it: the query takes so many seconds (0: none
   * to speak of). Without the database's answer it is 503. Only in a backend.
   */
  querySeconds?: number
  /** Close the connection after this many bytes of the body; 0 closes it after the headers. */
  dieAfterBytes?: number
  /** Close the connection once the request has arrived, without a byte of an answer. */
  dieUnanswered?: boolean
}

/** One request, as it reached a stub. */
export interface RequestRecord {
  id: number
  role: 'frontend' | 'backend'
  /** The name that tells two instances of one role apart. */
  instance: string
  nonce: string | undefined
  method: string
  /** The request target exactly as received; bytes past ASCII are read as Latin-1. */
  target: string
  httpVersion: string
  /** In order and case as received. */
  headers: Header[]
  /** Address and port of the peer that connected. */
  peer: { address: string; port: number }
  /** The port it came in on; the service's own, where a further one is taken for it. */
  localPort: number
  /** It came over TLS, at a port that speaks it. */
  encrypted?: true
  /** `sha256` (hexadecimal) is empty until the body has ended, whole or cut off. */
  body: { bytes: number; sha256: string; complete: boolean }
  /** Those after a body in chunks, where there were any. */
  trailers?: Header[]
  /** Milliseconds of the stub's clock. */
  receivedAt: number
  /** What the stub answers with, once its status and headers are sent. */
  answered?: { status: number; at: number }
  /**
   * When the stub was done with it: the answer is out, or the stub closed the connection (as told, or because the
   * backend behind it went away).
   */
  finishedAt?: number
  /** When the peer went away before the answer was complete. */
  abortedAt?: number
}

/** Something reached a service port that is not HTTP, or not HTTP that the stub's parser accepts. */
export interface ForeignRecord {
  role: 'frontend' | 'backend'
  peer: { address: string; port: number }
  localPort: number
  /** The first bytes (at most 4096), in hexadecimal. `1603` begins a TLS handshake. */
  firstBytes: string
  /** Why the parser gave up, in its own word: `HPE_INVALID_METHOD`. */
  reason: string
  /** The nonce, where the bytes carry one (a method that the parser does not know, say). */
  nonce: string | undefined
  receivedAt: number
}

/** An event stream that a stub holds open. */
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

/** What a stand-in database server shows. PEM; the certificate may be followed by its intermediates. */
export interface StandInCertificate {
  certificate: string
  key: string
}

/** What came of a backend's attempt to connect to its database. */
export interface DatabaseRecord {
  connected: boolean
  /** The server's view of the connection (`pg_stat_ssl`), when the platform's own server was reached. */
  ssl?: { encrypted: boolean; version: string | null; cipher: string | null }
  /** A stand-in's view: did the client go on (sent its start-up message, which holds user and database names, in this way)? */
  wentOn?: 'in plain text' | 'encrypted' | 'no'
  error?: string
}

/** What came of a backend's attempt to use the Redis that joins its instances. */
export interface RedisRecord {
  connected: boolean
  /** How many instances an event was handed to. */
  receivers?: number
  error?: string
}

/** A stub prints this as one line of JSON on standard output when its ports are open. */
export interface ReadyLine {
  ready: true
  role: 'frontend' | 'backend'
  instance: string
  port: number
  controlPort: number
}

/** A span to wait, in milliseconds; 0 or none looks once. */
interface Bound {
  withinMs?: number
}

/** Bytes for an event stream. */
export type StreamData = { utf8: string } | { base64: string }

/**
 * Every order that a stub takes: `POST /NAME` with `takes` as JSON is answered with `gives` as JSON.
 * An order that waits answers with what there is when its time is up.
 */
export interface Orders {
  steer: { takes: { nonce: string; steering: Steering }; gives: null }
  /** Without a nonce: the requests that carried none. `settled` counts only those that are over. */
  requests: {
    takes: Bound & { nonce?: string; atLeast?: number; settled?: boolean }
    gives: RequestRecord[]
  }
  foreign: { takes: Bound & { atLeast?: number }; gives: ForeignRecord[] }
  /** Each stream is handed out once, in the order of opening. */
  'next-stream': { takes: Bound & { nonce: string }; gives: StreamState | null }
  send: { takes: { id: number; data: StreamData }; gives: StreamState }
  /** `abruptly` cuts the connection in place of ending the answer. */
  'end-stream': { takes: { id: number; abruptly?: boolean }; gives: StreamState }
  'stream-state': { takes: { id: number; closedWithinMs?: number }; gives: StreamState }
  /** Reaches every open stream of this stub, and of no other instance; says how many. */
  publish: { takes: { data: StreamData }; gives: { streams: number } }
  /** To each open stream that a request with this nonce opened, an event that holds the request's target. */
  'publish-targets': { takes: { nonce: string }; gives: { streams: number } }
  /** Hands an event to all instances, through Redis; each writes it to all of its streams. */
  'publish-to-all': { takes: { data: StreamData }; gives: RedisRecord }
  /** The backend's connection to Redis, opened again if it was lost. */
  redis: { takes: Record<string, never>; gives: RedisRecord }
  dial: { takes: { host: string; port: number; withinMs: number }; gives: DialRecord }
  /**
   * Ends the service as a process that dies does: its port is closed, and every connection with it (`false`); or
   * opens it again (`true`). The stub's orders are taken all the while.
   */
  serve: { takes: { open: boolean }; gives: null }
  /** Closes the service port as `serve` does, and leaves whoever dials it without any answer, until it is opened again. */
  deafen: { takes: Record<string, never>; gives: null }
  /** How many attempts to connect were left unanswered since, repetitions included. */
  knocks: { takes: Record<string, never>; gives: { knocks: number } }
  whoami: { takes: Record<string, never>; gives: { address: string; port: number } }
  /** The backend's ordinary connection, opened again if it was lost. */
  database: { takes: Record<string, never>; gives: DatabaseRecord }
  /** A new connection, closed again. The TLS stand-ins need a certificate. */
  'connect-database': {
    takes: { server: DatabaseServer; certificate?: StandInCertificate }
    gives: DatabaseRecord
  }
  /** Without a nonce, everything but the open streams. */
  forget: { takes: { nonce?: string }; gives: null }
}
