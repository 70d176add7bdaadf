import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { bodyLimit, LARGEST } from '../../fixtures/body-limit.ts'
import { asksCacheWithGet } from '../../fixtures/cache-requests.ts'
import { broken, inForce, inLocation } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import type { Client, ClientRequest, ProtocolClient } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { apiPath } from '../../fixtures/faults/ways.ts'
import { assertInTime, isGivenUp, type TitledAnswer } from '../../fixtures/in-time.ts'
import { noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { passTarget } from '../../fixtures/platform/upstreams.ts'
import { usualMethod } from '../../fixtures/platform/usual-method.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import { passingOn } from '../../fixtures/ways-inwards.ts'

const MIB = 1024 * 1024

/** Headers as applications send them. */
const HEADERS = {
  authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.',
  cookie: 'session=abc; theme=dark',
  'content-type': 'application/json; charset=utf-8',
  'accept-language': 'de-CH, fr;q=0.8',
  'x-odd': 'a "quoted", value; with=things',
}

const api = inLocation(apiPath)
const pass = inForce('proxy_pass', { path: apiPath })

/** The pass with this in place of whatever path it had. */
function passing(uri: string) {
  return (text: string) => `${/^proxy_pass\s+http:\/\/(?:\$\w+|[^/$]+)/.exec(text)?.[0]}${uri}`
}

claim('routing/request-intact', {
  level: 'must',
  says: 'Method, path, query, encoding, headers and body of an API request arrive at the backend unchanged, but for the prefix that the contract names.',
  source: { spec: 'Flow Description 4 (API Forwarding); RFC 9110 §7.6' },
  arrivesBy: apiArrives,
  needs: noOpenApi,
  governedBy: {
    path: ({ paths }) => `${paths.api}items`,
    directives: [
      'proxy_pass',
      'rewrite',
      'proxy_method',
      'proxy_pass_request_headers',
      'proxy_pass_request_body',
      'client_max_body_size',
    ],
  },
  brokenBy: [
    broken('the path decoded', pass.rewrite(passing('$uri$is_args$args'))),
    broken('the query lost', pass.rewrite(passing('$uri'))),
    broken('every method a GET', api.add('proxy_method GET;')),
    broken('no credentials', api.add('proxy_set_header Authorization "";')),
    broken('no headers', api.add('proxy_pass_request_headers off;')),
    broken('no body', api.add('proxy_pass_request_body off; proxy_set_header Content-Length "";')),
    broken('no DELETE', api.add('if ($request_method = DELETE) { return 404; }')),
  ],

  async check(context) {
    const { contract, evidence } = context
    const { api } = contract.paths
    const item = `${api}items/1?x=1`
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']
    const paths = [
      `${api}a%2Fb/c`,
      `${api}a+b?q=1+2&r=%2B`,
      `${api}%C3%A9t%C3%A9?n=%C3%A9`,
      `${api}a%20b?empty=&flag`,
      `${api}items?a=1&a=2`,
    ]
    const limit = Math.min(LARGEST, bodyLimit(context) ?? LARGEST)
    const sizes = [...new Set([0, 1, Math.min(MIB, limit), limit])]
    const requests: ClientRequest[] = [
      ...methods.map(method => ({
        path: item,
        method,
        ...(/^P/.test(method) && { body: '{"a":1}' }),
      })),
      ...paths.map(path => ({ path })),
      ...sizes.map(size => ({
        path: `${api}items`,
        method: 'POST',
        body: Buffer.alloc(size, 'b'),
      })),
    ]
    const arrived = await atItsPace(
      context,
      item,
      requests.flatMap(request =>
        context.client.protocols.map(
          protocol => (client: Client) => arrives(context, client[protocol], request),
        ),
      ),
    )
    evidence('methods', methods.join(' '))
    evidence('paths', paths.join(' '))
    evidence('bodies, bytes', sizes.join(' '))
    assertInTime(arrived)
    if (!arrived.some(({ isThere }) => isThere))
      throw new Error('the edge let no request through to the backend')
  },
})

/** A request that was looked at, and whether it arrived. */
interface Looked extends TitledAnswer {
  isThere: boolean
}

/** Whether it arrived at all. That ordinary requests do is for another claim; here, that they do so unchanged. */
async function arrives(
  context: ClaimContext,
  probe: ProtocolClient,
  request: ClientRequest,
): Promise<Looked> {
  const { backend, contract, nonce, evidence, judging } = context
  const { method = usualMethod(contract, request.path), body } = request
  const id = nonce()
  // A query of its own, so that no cache answers for the backend.
  const path = `${request.path}${request.path.includes('?') ? '&' : '?'}probe=${id}`
  const title = `${method} ${path}${body === undefined ? '' : ` with ${body.length} bytes`} over ${probe.protocol}`
  const answer = await probe.request({ ...request, path, headers: HEADERS, nonce: id })
  const [arrived] = await backend.requests(id)
  const looked = { title, answer, isThere: arrived !== undefined }
  if (isGivenUp(answer) && arrived?.body.complete !== true) {
    evidence(title, `${outcomeOf(answer)}; ${arrived?.body.bytes ?? 'none'} of its bytes arrived`)
    return looked
  }
  if (arrived === undefined) {
    evidence(title, `${outcomeOf(answer)}, and nothing reached the backend`)
    // A method may be refused, and OPTIONS answered, at the edge: that is said by the platform, not lost on the way.
    if (isEdgeRefusal(answer)) return looked
    if (method === 'OPTIONS' && (answer.status === 200 || answer.status === 204)) return looked
  }
  const target = `${contract.paths.apiAtBackend}${path.slice(contract.paths.api.length)}`
  const isTooLarge = answer.status === 413
  const lost = isTooLarge ? ['client_max_body_size'] : [...passingOn, 'if']
  judging({
    path,
    method,
    directives: arrived === undefined ? lost : ['proxy_method', 'if'],
    ...(isTooLarge && { about: /client_max_body_size/ }),
    lost: arrived === undefined && !isTooLarge,
  })
  if (method === 'HEAD' && arrived?.method === 'GET' && asksCacheWithGet(context, path))
    evidence(title, 'arrives as GET, for the cache (proxy_cache_convert_head)')
  else expect(arrived?.method, `method of ${title}`).toBe(method)
  judging({ path, method, directives: ['proxy_pass', 'rewrite'] })
  const decoded = target.replaceAll('%2F', '/')
  // nginx writes a path anew from the decoded one: a slash that was encoded no longer is.
  if (arrived?.target === decoded && decoded !== target && writesPathAnew(context))
    evidence(`advice: ${title}`, `arrives as ${decoded}`)
  else expect(arrived?.target, `target of ${title}`).toBe(target)
  for (const [name, value] of Object.entries(HEADERS)) {
    const isLost = valuesOf(arrived?.headers ?? [], name).length === 0
    const all = isLost ? ['proxy_pass_request_headers'] : []
    const sound = { proxy_pass_request_headers: /^on$/ }
    const about = aboutAny([name, ...all])
    judging({ path, method, directives: [...all, 'proxy_set_header'], about, sound })
    expect(valuesOf(arrived?.headers ?? [], name).join('; '), `${name} of ${title}`).toBe(value)
  }
  judging({
    path,
    method,
    directives: ['proxy_pass_request_body', 'proxy_set_body', 'proxy_method'],
  })
  const sent = Buffer.from(body ?? '')
  expect(arrived?.body, `body of ${title}`).toMatchObject({
    bytes: sent.length,
    sha256: createHash('sha256').update(sent).digest('hex'),
  })
  return looked
}

/**
 * Whether the edge writes the path anew, which nginx does from the decoded one: `%2F` cannot survive where a prefix
 * is replaced. Where it is kept, a path in proxy_pass is needless, and only who draws the picture is held to that.
 */
function writesPathAnew({ contract, facts }: ClaimContext): boolean {
  const { api, apiAtBackend } = contract.paths
  if (apiAtBackend !== api) return true
  const scope = scopeOf({ contract, facts }, `${api}items`)
  const [pass] = scope === undefined ? [] : effective(scope, 'proxy_pass').directives
  return facts.diagram === undefined && passTarget(pass?.args[0] ?? '').uri !== undefined
}
