import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { smallHeaders } from '../../fixtures/faults/routing.ts'
import { assertInTime } from '../../fixtures/in-time.ts'
import { loginPath, noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { header } from '../../fixtures/probes/http.ts'
import type { Header } from '../../stubs/protocol.ts'

/** 16 KiB with what else an answer's head has: a buffer of 16k takes it. */
const COOKIE_BYTES = 3_900
const COOKIES = 4

/** A session in one cookie, as large as browsers let all of a site's cookies grow together. */
const REQUEST_COOKIE = `session=${'c'.repeat(8 * 1024 - 'session='.length)}`

claim('routing/large-headers', {
  level: 'should',
  says: 'A login answer with 16 KiB of headers passes, and so does a request with 8 KiB of cookies.',
  source: { spec: 'Flow Description 5 (Backend Processing); RFC 6265 §6.1' },
  arrivesBy: apiArrives,
  needs: noOpenApi,
  governedBy: {
    path: loginPath,
    directives: ['proxy_buffer_size', 'proxy_busy_buffers_size'],
    sound: {
      proxy_buffer_size: /^(?:1[6-9]|[2-9]\d|\d{3,})k$/,
      proxy_busy_buffers_size: /^\d{2,}k$/,
    },
  },
  brokenBy: smallHeaders,

  async check(context) {
    const { contract, backend, nonce, evidence, judging } = context
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
      context.client.protocols.map(protocol => async client => {
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
      { failing: true },
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
      judging({ path: login, method: 'POST', lost: !arrived })
      assertInTime([{ title: `a large login answer over ${answer.protocol}`, answer }])
      expect(answer.status, `status of a large login answer over ${answer.protocol}`).toBe(200)
      expect(
        header(answer, 'set-cookie').filter(value => value.startsWith('part')),
        `Set-Cookie over ${answer.protocol}`,
      ).toHaveLength(COOKIES)
    }
    await requestPasses(context, `${api}users`)
  },
})

async function requestPasses(context: ClaimContext, path: string): Promise<void> {
  const { backend, nonce, evidence, judging } = context
  judging({
    path,
    directives: ['large_client_header_buffers', 'client_header_buffer_size'],
    sound: { large_client_header_buffers: /^\d+ (?:9|\d{2,})k$/, client_header_buffer_size: /./ },
  })
  const answers = await atItsPace(
    context,
    path,
    context.client.protocols.map(protocol => async client => {
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
