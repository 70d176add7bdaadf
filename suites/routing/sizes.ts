import { expect } from 'vitest'
import { bodyLimit, LARGEST } from '../../fixtures/body-limit.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { limitPassed, smallHeaders } from '../../fixtures/faults/routing.ts'
import { anyOf, loginPath, noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { header } from '../../fixtures/probes/http.ts'
import { type Header, NONCE_HEADER } from '../../stubs/protocol.ts'

claim('routing/body-limit', {
  level: 'should',
  says: 'A body of one byte over the limit is answered with 413 by the edge, and the backend sees nothing of it.',
  source: { standard: 'RFC 9110 §15.5.14' },
  needs: anyOf(noOpenApi, (contract, facts) =>
    bodyLimit({ contract, facts }) === undefined
      ? 'the configuration sets no limit for bodies'
      : undefined,
  ),
  governedBy: {
    path: ({ paths }) => `${paths.api}items`,
    directives: ['client_max_body_size', 'proxy_request_buffering'],
  },
  brokenBy: limitPassed,

  async check(context) {
    const limit = bodyLimit(context) ?? 0
    const { contract, backend, client, nonce, evidence } = context
    const path = `${contract.paths.api}items`
    evidence('limit on the API, bytes', limit)
    // Nobody needs to send a gigabyte to learn that it is too much: the announcement decides.
    const announced = nonce()
    const head = `POST ${path} HTTP/1.1\r\nHost: ${contract.hosts.primary}\r\n${NONCE_HEADER}: ${announced}\r\nContent-Length: ${limit + 1}\r\n\r\n`
    const refusal = await client.raw({
      port: contract.edge.httpsPort,
      tls: { host: contract.hosts.primary },
      bytes: head,
    })
    evidence(`a body announced with ${limit + 1} bytes`, refusal.head?.statusLine ?? refusal.ended)
    expect(refusal.head?.status, `status for ${limit + 1} announced bytes`).toBe(413)
    expect((await backend.requests(announced)).length, 'requests that reached the backend').toBe(0)
    if (limit >= LARGEST) return
    const body = Buffer.alloc(limit + 1, 'b')
    for (const [title, headers] of [
      ['with its length', {}],
      ['in chunks, without a length', { 'transfer-encoding': 'chunked' }],
    ] as const) {
      const id = nonce()
      const isChunked = 'transfer-encoding' in headers
      const answer = await client[isChunked ? 'http1' : 'http2'].request({
        ...{ path, method: 'POST', headers, nonce: id },
        body: isChunked ? inChunks(body) : body,
      })
      evidence(`${limit + 1} bytes ${title}`, outcomeOf(answer))
      expect(answer.status, `status for ${limit + 1} bytes ${title}`).toBe(413)
      expect(
        (await backend.requests(id)).length,
        `requests that reached the backend, ${title}`,
      ).toBe(0)
    }
  },
})

/** Small chunks: an edge that passes them on as they come has sent some before it knows how many there are. */
const CHUNK_BYTES = 64 * 1024

function inChunks(body: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let from = 0; from < body.length; from += CHUNK_BYTES) {
    const chunk = body.subarray(from, from + CHUNK_BYTES)
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

/** 16 KiB with what else an answer's head has: a buffer of 16k takes it. */
const COOKIE_BYTES = 3_900
const COOKIES = 4

/** A session in one cookie, as large as browsers let all of a site's cookies grow together. */
const REQUEST_COOKIE = `session=${'c'.repeat(8 * 1024 - 'session='.length)}`

claim('routing/large-headers', {
  level: 'should',
  says: 'A login answer with 16 KiB of headers passes, and so does a request with 8 KiB of cookies.',
  source: { spec: 'Flow Description 5 (Backend Processing); RFC 6265 §6.1' },
  needs: noOpenApi,
  governedBy: {
    path: loginPath,
    directives: ['proxy_buffer_size', 'proxy_busy_buffers_size', 'large_client_header_buffers'],
  },
  brokenBy: smallHeaders,

  async check(context) {
    const { contract, backend, nonce, evidence } = context
    const { login, api } = contract.paths
    const cookies = Array.from(
      { length: COOKIES },
      (_, n): Header => [
        'set-cookie',
        `part${n}=${'c'.repeat(COOKIE_BYTES - 60)}; Path=/; Secure; HttpOnly; SameSite=Lax`,
      ],
    )
    const answers = await atItsPace(
      context,
      login,
      PROTOCOLS.map(protocol => async client => {
        const id = nonce()
        await backend.steer(id, { status: 200, headers: cookies })
        const answer = await client[protocol].request({
          path: login,
          method: 'POST',
          body: '{}',
          nonce: id,
        })
        return { answer, arrived: (await backend.requests(id)).length > 0 }
      }),
    )
    for (const { answer, arrived } of answers) {
      const bytes = answer.headers.reduce(
        (sum, [name, value]) => sum + name.length + value.length + 4,
        0,
      )
      evidence(
        `a large login answer over ${answer.protocol}`,
        `${outcomeOf(answer)}, ${bytes} bytes of headers`,
      )
      if (!arrived && isEdgeRefusal(answer)) continue
      expect(answer.status, `status of a large login answer over ${answer.protocol}`).toBe(200)
      expect(
        header(answer, 'set-cookie').filter(value => value.startsWith('part')),
        `Set-Cookie over ${answer.protocol}`,
      ).toHaveLength(COOKIES)
    }
    await requestPasses(context, `${api}users`)
  },
})

const PROTOCOLS = ['http1', 'http2'] as const

async function requestPasses(context: ClaimContext, path: string): Promise<void> {
  const { backend, nonce, evidence } = context
  const answers = await atItsPace(
    context,
    path,
    PROTOCOLS.map(protocol => async client => {
      const id = nonce()
      const answer = await client[protocol].request({
        path,
        nonce: id,
        headers: { cookie: REQUEST_COOKIE },
      })
      return { answer, arrived: await backend.requests(id) }
    }),
  )
  for (const { answer, arrived } of answers) {
    const title = `a request with ${REQUEST_COOKIE.length} bytes of cookies over ${answer.protocol}`
    evidence(title, outcomeOf(answer))
    if (arrived.length === 0 && isEdgeRefusal(answer)) continue
    const cookie = arrived[0]?.headers.find(([name]) => name.toLowerCase() === 'cookie')?.[1]
    expect(cookie?.length, `bytes of cookies at the backend, of ${title}`).toBe(
      REQUEST_COOKIE.length,
    )
  }
}
