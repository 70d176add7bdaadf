import { createHash } from 'node:crypto'
import { headerValue } from './headers.ts'
import { atBackend, pathOf } from './paths.ts'
import type { Header, RequestRecord, StubPaths } from './protocol.ts'

/** What a stub says by itself, before anyone steers it. */
export interface Answer {
  status: number
  headers: Header[]
  body: string
  /** An event stream: headers at once, then silence. */
  stream?: boolean
}

/** Answers as the real service would, as far as a proxy in front of it can tell. */
export function answerOf(
  role: 'frontend' | 'backend',
  record: RequestRecord,
  paths: StubPaths,
): Answer {
  return role === 'frontend' ? frontendAnswer(record, paths) : backendAnswer(record, paths)
}

/** A short digest of who asks, by cookie and authorization; `anonymous` for neither. */
export function identityOf(headers: readonly Header[]): string {
  const authorization = headerValue(headers, 'authorization') ?? ''
  const cookie = headerValue(headers, 'cookie') ?? ''
  if (authorization === '' && cookie === '') return 'anonymous'
  return createHash('sha256').update(`${authorization}\n${cookie}`).digest('hex').slice(0, 16)
}

const PAGE_METHODS = 'GET, HEAD, OPTIONS'
/** What Next.js sends with a page that it renders at each request. */
const PAGE_CACHING = 'private, no-cache, no-store, max-age=0, must-revalidate'

function frontendAnswer(record: RequestRecord, paths: StubPaths): Answer {
  const path = pathOf(record.target)
  const refusal = unusualMethod(record, PAGE_METHODS)
  if (refusal) return refusal
  if (path.startsWith(paths.static)) {
    const caching: Header = ['Cache-Control', 'public, max-age=31536000, immutable']
    return answer(200, typeOf(path), `/* ${path} */\n`, [caching])
  }
  const status = path.startsWith(paths.api) ? 404 : 200
  const body = `<!doctype html>\n<title>${escaped(path)}</title>\n<p>${record.nonce ?? ''}</p>\n`
  return answer(status, 'text/html; charset=utf-8', body, [['Cache-Control', PAGE_CACHING]])
}

const API_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

function backendAnswer(record: RequestRecord, paths: StubPaths): Answer {
  const path = pathOf(record.target)
  if (path === (paths.loginAtBackend ?? atBackend(paths.login, paths))) return loginAnswer(record)
  const refusal = unusualMethod(record, API_METHODS)
  if (refusal) return refusal
  const { method } = record
  const isStream =
    paths.stream !== undefined && path === (paths.streamAtBackend ?? atBackend(paths.stream, paths))
  if (isStream && (method === 'GET' || method === 'HEAD')) {
    const caching: Header = ['Cache-Control', 'no-cache']
    const opened = answer(200, 'text/event-stream', '', [caching])
    return { ...opened, stream: method === 'GET' }
  }
  const isOfApi = path.startsWith(paths.apiAtBackend)
  if (!isOfApi && paths.pagesAtBackend) return frontendAnswer(record, paths)
  return json(isOfApi ? 200 : 404, record)
}

/** Names the asker, so that an answer given to the wrong one shows. */
function loginAnswer(record: RequestRecord): Answer {
  const noStore: Header = ['Cache-Control', 'no-store']
  const refusal = unusualMethod(record, API_METHODS)
  if (refusal) return { ...refusal, headers: [...refusal.headers, noStore] }
  const attributes = 'Path=/; HttpOnly; Secure; SameSite=Lax'
  return json(200, record, [
    noStore,
    ['Set-Cookie', `session=${identityOf(record.headers)}.${record.id}; ${attributes}`],
    ['Set-Cookie', `refresh=${record.id}; Max-Age=86400; ${attributes}`],
  ])
}

function json(status: number, record: RequestRecord, headers: Header[] = []): Answer {
  const { role, instance, id, method, target } = record
  const nonce = record.nonce ?? null
  const identity = identityOf(record.headers)
  const said = { role, instance, id, method, target, identity, nonce }
  return answer(status, 'application/json', `${JSON.stringify(said)}\n`, headers)
}

function answer(status: number, type: string, body: string, headers: Header[] = []): Answer {
  return { status, headers: [date(), ['Content-Type', type], ...headers], body }
}

/** OPTIONS is told the methods; one that is not among them is refused. */
function unusualMethod({ method }: RequestRecord, allowed: string): Answer | undefined {
  const allow: Header = ['Allow', allowed]
  if (method === 'OPTIONS') return { status: 204, headers: [date(), allow], body: '' }
  if (allowed.split(', ').includes(method)) return undefined
  return answer(405, 'text/plain; charset=utf-8', 'Method Not Allowed\n', [allow])
}

function date(): Header {
  return ['Date', new Date().toUTCString()]
}

const TYPES: Record<string, string> = {
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  map: 'application/json',
  png: 'image/png',
  svg: 'image/svg+xml',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
}

function typeOf(path: string): string {
  const extension = path.slice(path.lastIndexOf('.') + 1)
  return TYPES[extension] ?? 'application/javascript; charset=utf-8'
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, character => `&#${character.charCodeAt(0)};`)
}
