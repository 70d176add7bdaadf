import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClientRequest } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { locationFor, serverFor } from '../../fixtures/platform/nginx/servers.ts'
import { parseSize } from '../../fixtures/platform/nginx/units.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'

const MIB = 1024 * 1024

/** Largest body that is worth sending: beyond it the test costs more than it proves. */
const LARGEST = 16 * MIB

/** Headers as applications send them. */
const HEADERS = {
  authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.',
  cookie: 'session=abc; theme=dark',
  'content-type': 'application/json; charset=utf-8',
  'accept-language': 'de-CH, fr;q=0.8',
  'x-odd': 'a "quoted", value; with=things',
}

claim('routing/request-intact', {
  level: 'must',
  says: 'Method, path, query, encoding, headers and body of an API request arrive at the backend unchanged, but for the prefix that the contract names.',
  source: { spec: 'Flow Description 4 (API Forwarding); RFC 9110 §7.6' },
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
    const limit = bodyLimit(context)
    const sizes = [...new Set([0, 1, Math.min(MIB, limit), Math.min(LARGEST, limit)])]
    await Promise.all([
      ...methods.map(method =>
        arrives(context, { path: item, method, ...(/^P/.test(method) && { body: '{"a":1}' }) }),
      ),
      ...paths.map(path => arrives(context, { path })),
    ])
    for (const size of sizes)
      await arrives(context, { path: `${api}items`, method: 'POST', body: Buffer.alloc(size, 'b') })
    evidence('methods', methods.join(' '))
    evidence('paths', paths.join(' '))
    evidence('bodies, bytes', sizes.join(' '))
  },
})

async function arrives(context: ClaimContext, request: ClientRequest): Promise<void> {
  await Promise.all(context.client.both.map(probe => arrivesOver(context, probe, request)))
}

async function arrivesOver(
  { backend, contract, nonce, evidence }: ClaimContext,
  probe: ClaimContext['client']['http1'],
  request: ClientRequest,
): Promise<void> {
  const { method = 'GET', body } = request
  const id = nonce()
  // A query of its own, so that no cache answers for the backend.
  const path = `${request.path}${request.path.includes('?') ? '&' : '?'}probe=${id}`
  const title = `${method} ${path}${body === undefined ? '' : ` with ${body.length} bytes`} over ${probe.protocol}`
  const answer = await probe.request({ ...request, path, headers: HEADERS, nonce: id })
  const [arrived] = await backend.requests(id)
  if (arrived === undefined) {
    evidence(title, `${answer.status ?? answer.error?.message}, and nothing reached the backend`)
    // A method may be refused, and OPTIONS answered, at the edge: that is said by the platform, not lost on the way.
    if (answer.status === 405 || answer.status === 403) return
    if (method === 'OPTIONS' && (answer.status === 200 || answer.status === 204)) return
  }
  const rest = path.slice(contract.paths.api.length)
  expect(arrived?.method, `method of ${title}`).toBe(method)
  expect(arrived?.target, `target of ${title}`).toBe(`${contract.paths.apiAtBackend}${rest}`)
  for (const [name, value] of Object.entries(HEADERS))
    expect(valuesOf(arrived?.headers ?? [], name).join('; '), `${name} of ${title}`).toBe(value)
  const sent = Buffer.from(body ?? '')
  expect(arrived?.body, `body of ${title}`).toMatchObject({
    bytes: sent.length,
    sha256: createHash('sha256').update(sent).digest('hex'),
  })
}

/** The body size that the configuration allows on the API, in bytes; nginx's own default is 1 MiB, 0 means any. */
function bodyLimit({ contract, facts }: ClaimContext): number {
  const { httpsPort } = contract.edge
  const server = serverFor(facts.configuration, { port: httpsPort, host: contract.hosts.primary })
  const scope = server && (locationFor(server, `${contract.paths.api}items`) ?? server)
  const [written] = scope === undefined ? [] : effective(scope, 'client_max_body_size').directives
  const limit = parseSize(written?.args[0] ?? '1m')
  return limit === undefined || limit === 0 ? LARGEST : limit
}
