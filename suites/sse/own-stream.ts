import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import {
  allowingToStore,
  cacheDirectives,
  storing,
  whatAllowsStoring,
} from '../../fixtures/cache-headers.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { identityLost, streamShared } from '../../fixtures/faults/sse.ts'
import { judgedStreams } from '../../fixtures/judged-streams.ts'
import { noStream, streamPath } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import type { Steering } from '../../stubs/protocol.ts'

/** What a backend may say of its stream; silence included. */
const SAYING: Record<string, Steering> = {
  'no-cache': { stream: true, headers: [['cache-control', 'no-cache']] },
  'nothing of caching': { stream: true, without: ['cache-control'] },
}

claim('sse/not-cached', {
  level: 'must',
  says: "Two clients never share a stream or its bytes, and the stream's cache directives stay.",
  source: { spec: 'SSE Configuration; RFC 9111 §3' },
  arrivesBy: apiArrives,
  needs: noStream,
  governedBy: {
    path: streamPath,
    ...storing,
  },
  brokenBy: streamShared,

  async check(context) {
    for (const path of judgedStreams(context))
      for (const saying of Object.keys(SAYING)) await staysOnesOwn(context, path, saying)
  },
})

async function staysOnesOwn(context: ClaimContext, path: string, saying: string): Promise<void> {
  const { evidence, judging } = context
  const said = `of ${path}, with ${saying} from the backend`
  const isFirst = path === streamPath(context.contract)
  const steering = { ...SAYING[saying], ...(isFirst ? {} : asStream(SAYING[saying])) }
  judging({ path })
  // The second comes while the first is open, the third when the first is over and could have been kept.
  const target = `${path}?round=${context.nonce()}`
  const first = await open(context, target, steering)
  const second = await open(context, target, steering)
  await first.tell('for the first')
  await second.tell('for the second')
  await first.over()
  const third = await open(context, target, steering)
  await third.tell('for the third')
  await Promise.all([second.over(), third.over()])
  for (const { stream, own } of [second, third]) {
    const seen = stream.bytes().toString()
    evidence(`${own}, ${said}`, seen)
    expect(seen, `what the client sees ${own}, ${said}`).toBe(`data: ${own}\n\n`)
  }
  const { headers } = await second.stream.headers({ withinMs: patience.arrivesMs })
  const control = cacheDirectives(headers)
  evidence(`Cache-Control ${said}`, control.join(', ') || 'none')
  judging({ path, ...allowingToStore })
  expect(whatAllowsStoring(headers), `what allows a cache to keep the stream, ${said}`).toEqual([])
  if (saying === 'no-cache')
    expect(
      control.some(word => word === 'no-cache' || word === 'no-store'),
      `Cache-Control (${control.join(', ')}) ${said} keeps no-cache`,
    ).toBe(true)
}

/** The same of a stream that the stub does not know for one. */
function asStream({ headers = [] }: Steering = {}): Pick<Steering, 'headers'> {
  return { headers: [['content-type', 'text/event-stream'], ...headers] }
}

async function open({ client, backend, nonce }: ClaimContext, path: string, steering: Steering) {
  const id = nonce()
  await backend.steer(id, steering)
  const stream = client.http1.openEventStream(path, { nonce: id })
  // Unmet when it was served from somewhere else: each client's request has to arrive.
  const held = await backend.nextStream(id)
  const opened = {
    stream,
    own: '',
    async tell(text: string): Promise<void> {
      opened.own = text
      await held.send(`data: ${text}\n\n`)
    },
    /** To its end: what an edge holds back until then is for other claims. */
    async over(): Promise<void> {
      await held.end()
      await stream.closed({ withinMs: patience.arrivesMs })
    },
  }
  return opened
}

claim('sse/identity-passes', {
  level: 'must',
  says: "Cookies and authorization of the stream's request reach the backend.",
  source: { spec: 'SSE Configuration; WHATWG HTML §9.2.2 (withCredentials)' },
  arrivesBy: apiArrives,
  needs: noStream,
  governedBy: { path: streamPath, directives: ['proxy_set_header', 'proxy_pass_request_headers'] },
  brokenBy: identityLost,

  async check({ client, backend, contract, evidence, judging }) {
    const sent = {
      cookie: 'session=s3ss10n.a+b/c==; theme=dark',
      authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.',
    }
    for (const probe of client.both) {
      await using stream = probe.openEventStream(streamPath(contract), { headers: sent })
      const { request } = await backend.nextStream(stream.nonce)
      for (const [name, value] of Object.entries(sent)) {
        const received = valuesOf(request.headers, name).join('; ')
        const isSame = received === value
        evidence(
          `${name} over ${probe.protocol}`,
          isSame ? 'unchanged' : `${received.length} characters in place of ${value.length}`,
        )
        const all = received === '' ? ['proxy_pass_request_headers'] : []
        judging({
          path: streamPath(contract),
          directives: ['proxy_set_header', ...all],
          about: aboutAny([name, ...all]),
          sound: { proxy_pass_request_headers: /^on$/ },
        })
        expect(isSame, `${name} reaches the backend unchanged over ${probe.protocol}`).toBe(true)
      }
    }
  },
})
