import { expect } from 'vitest'
import { bodyLimit, LARGEST } from '../../fixtures/body-limit.ts'
import { claim } from '../../fixtures/claim.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { limitPassed } from '../../fixtures/faults/routing.ts'
import { assertInTime } from '../../fixtures/in-time.ts'
import { anyOf, noOpenApi } from '../../fixtures/needs.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { passingOn } from '../../fixtures/ways-inwards.ts'
import { NONCE_HEADER } from '../../stubs/protocol.ts'

claim('routing/body-limit', {
  level: 'should',
  says: 'A body of one byte over the limit is answered with 413 by the edge, and the backend sees nothing of it.',
  source: { standard: 'RFC 9110 §15.5.14' },
  arrivesBy: apiArrives,
  needs: anyOf(noOpenApi, (contract, facts) =>
    bodyLimit({ contract, facts }) === undefined
      ? 'the configuration sets no limit for bodies'
      : undefined,
  ),
  governedBy: {
    path: ({ paths }) => `${paths.api}items`,
    directives: ['client_max_body_size'],
  },
  brokenBy: limitPassed,

  async check(context) {
    const limit = bodyLimit(context) ?? 0
    const { contract, backend, client, nonce, evidence, judging } = context
    const path = `${contract.paths.api}items`
    // The error page may be the application's own: it is asked for without the body.
    const bodiesAt = async (id: string) =>
      (await backend.requests(id)).filter(({ body }) => body.bytes > 0).length
    evidence('limit on the API, bytes', limit)
    // Nobody needs to send a gigabyte to learn that it is too much: the announcement decides.
    const announced = nonce()
    const head = `POST ${path} HTTP/1.1\r\nHost: ${contract.hosts.primary}\r\n${NONCE_HEADER}: ${announced}\r\nContent-Length: ${limit + 1}\r\n\r\n`
    const refusal = await client.raw({
      port: contract.edge.port,
      ...(contract.edge.scheme === 'https' && { tls: { host: contract.hosts.primary } }),
      bytes: head,
    })
    evidence(`a body announced with ${limit + 1} bytes`, refusal.head?.statusLine ?? refusal.ended)
    expect(refusal.head?.status, `status for ${limit + 1} announced bytes`).toBe(413)
    expect(await bodiesAt(announced), 'bodies that reached the backend').toBe(0)
    if (limit >= LARGEST) return
    const body = Buffer.alloc(limit + 1, 'b')
    for (const [title, headers] of [
      ['with its length', {}],
      ['in chunks, without a length', { 'transfer-encoding': 'chunked' }],
    ] as const) {
      const id = nonce()
      const isChunked = 'transfer-encoding' in headers
      const answer = await (isChunked
        ? client.http1
        : (client.both.at(-1) ?? client.http1)
      ).request({
        ...{ path, method: 'POST', headers, nonce: id },
        body: isChunked ? inChunks(body) : body,
      })
      judging({ path, method: 'POST', directives: ['client_max_body_size', ...passingOn] })
      evidence(`${limit + 1} bytes ${title}`, outcomeOf(answer))
      assertInTime([{ title: `${limit + 1} bytes ${title}`, answer }])
      expect(answer.status, `status for ${limit + 1} bytes ${title}`).toBe(413)
      judging({ path, method: 'POST', directives: ['proxy_request_buffering'] })
      expect(await bodiesAt(id), `bodies that reached the backend, ${title}`).toBe(0)
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
