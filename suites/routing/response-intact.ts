import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ProtocolClient } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { responseChanged } from '../../fixtures/faults/routing.ts'
import { assertInTime, isGivenUp } from '../../fixtures/in-time.ts'
import { noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { bodyOf, type HttpRecord, header, trailer } from '../../fixtures/probes/http.ts'
import {
  SAMPLE_ANSWERS,
  SAMPLE_COOKIES,
  SAMPLE_HEADERS,
  SAMPLE_LOCATION,
  type SampleAnswer,
} from '../../fixtures/sample-answers.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import { passingOn } from '../../fixtures/ways-inwards.ts'

claim('routing/response-intact', {
  level: 'must',
  says: "Status, headers, every Set-Cookie, and the body of the backend's answer arrive at the client unchanged, compressed or not.",
  source: { spec: 'Flow Description 4 (API Forwarding); RFC 9110 §7.7' },
  arrivesBy: apiArrives,
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
    const asks = SAMPLE_ANSWERS.flatMap(each =>
      context.client.protocols.map(
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
    for (const each of judged) if (!isGivenUp(each.answer)) expectIntact(each, path, context)
    assertInTime(judged)
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
  { title, steering, acceptEncoding, body }: SampleAnswer,
) {
  const id = nonce()
  await backend.steer(id, steering)
  const headers = { 'accept-encoding': acceptEncoding ?? 'identity' }
  const answer = await probe.request({ path, nonce: id, headers })
  const arrived = (await backend.requests(id)).length > 0
  return { title: `${title}, over ${probe.protocol}`, answer, arrived, steering, body }
}

/** What an answer has to fit into. */
const storage = ['proxy_buffer_size', 'proxy_buffers', 'proxy_max_temp_file_size']

const sound = {
  proxy_intercept_errors: /^off$/,
  proxy_buffer_size: /^(?:[4-9]|\d{2,})k$/,
  proxy_buffers: /^(?:[4-9]|\d{2,}) (?:[4-9]|\d{2,})k$/,
  charset: /^off$/,
}

function expectIntact(
  { title, answer, arrived, steering, body }: Awaited<ReturnType<typeof ask>>,
  path: string,
  { evidence, judging }: ClaimContext,
): void {
  const received = unpacked(answer)
  const isSame = answer.status === steering.status && received.equals(body)
  if (!isSame)
    evidence(title, { status: outcomeOf(answer), headers: answer.headers, bytes: answer.bodyBytes })
  const whole = ['proxy_intercept_errors', 'error_page', ...storage]
  judging({ path, directives: arrived ? whole : passingOn, sound })
  expect(answer.status, `status of ${title}`).toBe(steering.status)
  expect(answer.error?.message, `how ${title} ended`).toBeUndefined()
  const described =
    body.length > 0 ? SAMPLE_HEADERS : SAMPLE_HEADERS.filter(([name]) => name !== 'content-type')
  for (const [name, value] of described) {
    judging({
      path,
      directives:
        header(answer, name).length > 1 ? ['add_header'] : ['proxy_hide_header', 'add_header'],
      about: aboutAny([name]),
    })
    expect(header(answer, name).join(' | '), `${name} of ${title}`).toBe(value)
  }
  judging({
    path,
    directives: ['proxy_redirect', 'proxy_hide_header'],
    about: /proxy_redirect|location/i,
  })
  const away = steering.headers?.find(([name]) => name === SAMPLE_LOCATION[0])?.[1]
  if (away !== undefined)
    expect(header(answer, 'location').join(' | '), `Location of ${title}`).toBe(away)
  const own = header(answer, 'set-cookie').filter(value => /^[abc]=/.test(value))
  judging({
    path,
    directives: [
      'proxy_hide_header',
      'proxy_cookie_path',
      'proxy_cookie_domain',
      'proxy_cookie_flags',
    ],
    about: /cookie/i,
  })
  expect(own, `Set-Cookie of ${title}`).toEqual(SAMPLE_COOKIES.map(([, value]) => value))
  judging({
    path,
    directives: [
      'sub_filter',
      'add_before_body',
      'add_after_body',
      'charset',
      'gunzip',
      ...storage,
    ],
    sound,
  })
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
