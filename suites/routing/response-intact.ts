import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ProtocolClient } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { responseChanged } from '../../fixtures/faults/routing.ts'
import { noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { bodyOf, type HttpRecord, header, trailer } from '../../fixtures/probes/http.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import type { Header, Steering } from '../../stubs/protocol.ts'

/** Headers of an answer that no edge has a reason to touch. */
const HEADERS: Header[] = [
  ['content-type', 'application/problem+json; charset=utf-8'],
  ['content-language', 'de-CH'],
  ['content-disposition', 'attachment; filename="r\'eport.json"'],
  ['link', '</api/users?page=2>; rel="next", </api/users?page=9>; rel="last"'],
  ['x-total-count', '42'],
  ['x-odd', 'a "quoted", value; with=things'],
]

const COOKIES: Header[] = [
  ['set-cookie', 'a=1; Path=/; Secure; HttpOnly; SameSite=Lax'],
  ['set-cookie', 'b=2%2F+3; Path=/; Secure; HttpOnly; SameSite=Lax'],
  ['set-cookie', 'c=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax'],
]

const JSON_BODY = JSON.stringify({
  text: 'Zürich — “é”',
  list: Array.from({ length: 400 }, (_, n) => n),
})

interface Case {
  title: string
  steering: Steering
  acceptEncoding?: string
  /** The body's bytes as the application wrote them; none for those without. */
  body: Buffer
}

const plain = (status: number, body = JSON_BODY): Case => ({
  title: `${status}`,
  steering: { status, body, headers: [...HEADERS, ...COOKIES] },
  body: Buffer.from(body),
})

const packed = gzipSync(JSON_BODY)

/** A way to somewhere else, as to whoever signs people in: nobody's to change. */
const AWAY: Header = ['location', 'https://sign-in.elsewhere.example/start?next=%2Fapi%2Fusers']

/** Pages for 5xx are often the edge's own, which is its right; those are left out. */
const CASES: Case[] = [
  ...[200, 201, 400, 404, 409, 422].map(status => plain(status)),
  plain(204, ''),
  {
    ...plain(303),
    title: '303 to another site',
    steering: { status: 303, body: JSON_BODY, headers: [...HEADERS, ...COOKIES, AWAY] },
  },
  { ...plain(200), title: '200, for a client that accepts gzip', acceptEncoding: 'gzip' },
  {
    ...plain(200),
    title: '200, compressed by the backend',
    acceptEncoding: 'gzip',
    steering: {
      status: 200,
      bodyBase64: packed.toString('base64'),
      headers: [...HEADERS, ...COOKIES, ['content-encoding', 'gzip'], ['vary', 'accept-encoding']],
    },
  },
  {
    title: '200, in chunks with a length that nobody knew',
    steering: {
      status: 200,
      bodyBytes: 300_000,
      headers: [...HEADERS, ...COOKIES, ['transfer-encoding', 'chunked']],
    },
    body: Buffer.alloc(300_000, 'x'),
  },
]

claim('routing/response-intact', {
  level: 'must',
  says: "Status, headers, every Set-Cookie, and the body of the backend's answer arrive at the client unchanged, compressed or not.",
  source: { spec: 'Flow Description 4 (API Forwarding); RFC 9110 §7.7' },
  needs: noOpenApi,
  governedBy: {
    path: ({ paths }) => `${paths.api}items`,
    directives: [
      'proxy_intercept_errors',
      'error_page',
      'proxy_hide_header',
      'sub_filter',
      'proxy_cookie_path',
      'add_header',
    ],
  },
  brokenBy: responseChanged,

  async check(context) {
    const path = `${context.contract.paths.api}items`
    const asks = CASES.flatMap(each =>
      (['http1', 'http2'] as const).map(
        protocol => (client: ClaimContext['client']) => ask(context, client[protocol], path, each),
      ),
    )
    const answers = await atItsPace(context, path, asks)
    const judged = answers.filter(({ arrived, answer }) => arrived || !isEdgeRefusal(answer))
    context.evidence(
      'answers looked at',
      judged.map(({ title }) => title),
    )
    if (judged.length === 0) throw new Error('the edge let no request through to the backend')
    for (const each of judged) expectIntact(each, context.evidence)
    const trailers = await withTrailers(context, path)
    context.evidence('trailers over http/1.1', trailers.join() || 'none')
    // A proxy may drop them (RFC 9110 §6.5.1), unless it is told to pass them.
    if (passesTrailers(context, path)) expect(trailers, 'trailers').toEqual(['abc'])
  },
})

async function ask(
  { backend, nonce }: ClaimContext,
  probe: ProtocolClient,
  path: string,
  { title, steering, acceptEncoding, body }: Case,
) {
  const id = nonce()
  await backend.steer(id, steering)
  const headers = { 'accept-encoding': acceptEncoding ?? 'identity' }
  const answer = await probe.request({ path, nonce: id, headers })
  const arrived = (await backend.requests(id)).length > 0
  return { title: `${title}, over ${probe.protocol}`, answer, arrived, steering, body }
}

function expectIntact(
  { title, answer, steering, body }: Awaited<ReturnType<typeof ask>>,
  evidence: ClaimContext['evidence'],
): void {
  const received = unpacked(answer)
  const isSame = answer.status === steering.status && received.equals(body)
  if (!isSame)
    evidence(title, { status: outcomeOf(answer), headers: answer.headers, bytes: answer.bodyBytes })
  expect(answer.status, `status of ${title}`).toBe(steering.status)
  expect(answer.error?.message, `how ${title} ended`).toBeUndefined()
  const described = body.length > 0 ? HEADERS : HEADERS.filter(([name]) => name !== 'content-type')
  for (const [name, value] of described)
    expect(header(answer, name).join(' | '), `${name} of ${title}`).toBe(value)
  const away = steering.headers?.find(([name]) => name === AWAY[0])?.[1]
  if (away !== undefined)
    expect(header(answer, 'location').join(' | '), `Location of ${title}`).toBe(away)
  const own = header(answer, 'set-cookie').filter(value => /^[abc]=/.test(value))
  expect(own, `Set-Cookie of ${title}`).toEqual(COOKIES.map(([, value]) => value))
  expect(digest(received), `body of ${title}`).toEqual(digest(body))
}

/** The content, as any client sees it that said it accepts gzip. */
function unpacked(answer: HttpRecord): Buffer {
  const bytes = bodyOf(answer)
  if (header(answer, 'content-encoding').join() !== 'gzip') return bytes
  try {
    return gunzipSync(bytes)
  } catch {
    return bytes
  }
}

function digest(body: Buffer) {
  return { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') }
}

function passesTrailers(context: ClaimContext, path: string): boolean {
  const scope = scopeOf(context, path)
  const written = scope && effective(scope, 'proxy_pass_trailers').directives.at(-1)
  return written?.args[0] === 'on'
}

async function withTrailers(
  { client, backend, nonce }: ClaimContext,
  path: string,
): Promise<string[]> {
  const id = nonce()
  await backend.steer(id, { status: 200, body: 'x', trailers: [['x-checksum', 'abc']] })
  const answer = await client.http1.request({ path, nonce: id, headers: { te: 'trailers' } })
  return trailer(answer, 'x-checksum')
}
