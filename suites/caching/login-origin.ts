import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { storing } from '../../fixtures/cache-headers.ts'
import { claim } from '../../fixtures/claim.ts'
import { isEdgeRefusal, isGone, outcomeOf } from '../../fixtures/edge-answers.ts'
import {
  cacheOfPosts,
  cookiesChanged,
  loginAnswered,
  sharedCaches,
} from '../../fixtures/faults/caching.ts'
import { loginPath, noOpenLogin } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { header } from '../../fixtures/probes/http.ts'
import { wayInwards } from '../../fixtures/ways-inwards.ts'
import type { Header, Steering } from '../../stubs/protocol.ts'

const source = { spec: 'Flow Description 5 (secure caching); RFC 9111 §3.5, §5.2.2.5' }

/** What a backend may say of a login's answer: the more it allows, the more an edge could do without it. */
const BACKEND: Record<string, Steering> = {
  'no cache header': { without: ['cache-control'] },
  'no-store': { headers: [['cache-control', 'no-store']] },
  'a minute for everybody': { headers: [['cache-control', 'public, max-age=60']] },
}

const VALIDATORS: Header[] = [
  ['etag', '"login-1"'],
  ['last-modified', 'Mon, 05 Jan 2026 08:00:00 GMT'],
]

const REVALIDATION = {
  'if-none-match': '"login-1"',
  'if-modified-since': 'Mon, 05 Jan 2026 08:00:00 GMT',
}

claim('caching/login-always-asks', {
  level: 'must',
  says: 'Every login reaches the backend: none is answered from a store, and none becomes 304.',
  source,
  arrivesBy: apiArrives,
  needs: noOpenLogin,
  governedBy: {
    path: loginPath,
    ...storing,
  },
  brokenBy: [...sharedCaches(loginPath), cacheOfPosts(loginPath), loginAnswered],

  async check(context) {
    const { backend, contract, nonce, evidence, judging } = context
    const { login } = contract.paths
    const cases = ['POST', 'GET'].flatMap(method =>
      Object.keys(BACKEND).map(name => ({ method, name })),
    )
    const asks = cases.map(({ method, name }) => async (client: (typeof context)['client']) => {
      // A URL of this round's own, asked for twice: whoever stores the first answer has it for the second.
      const path = `${login}?round=${nonce()}`
      const ask = async (headers: Record<string, string>) => {
        const id = nonce()
        const steering = BACKEND[name] ?? {}
        await backend.steer(id, {
          status: 200,
          ...steering,
          without: [...(steering.without ?? []), 'set-cookie'],
          headers: [...(steering.headers ?? []), ...VALIDATORS],
        })
        const body = method === 'POST' ? '{"email":"a@b.example"}' : undefined
        const answer = await client.http1.request({ path, method, body, headers, nonce: id })
        return { answer, arrived: (await backend.requests(id)).length }
      }
      await ask({})
      return {
        title: `${method}, again, with ${name} from the backend`,
        ...(await ask(REVALIDATION)),
      }
    })
    const seconds = await atItsPace(context, login, asks, { requestsEach: 2 })
    for (const { title, answer, arrived } of seconds) {
      evidence(title, `${outcomeOf(answer)}; requests that reached the backend: ${arrived}`)
      if (arrived === 0 && isEdgeRefusal(answer)) continue
      const asked = Object.keys(REVALIDATION)
      judging({ path: login, directives: ['proxy_set_header'], about: aboutAny(asked) })
      const given = answer.status === 304 ? '304: what the client holds already' : 'an answer'
      expect(given, `what is given to ${title}`).toBe('an answer')
      const { method = 'GET' } = answer
      judging({
        ...{ path: login, method, ...storing, directives: [...storing.directives, 'return'] },
        // An error of the edge's own is not stored: there was nobody to ask.
        lost: arrived === 0 && isGone(answer),
      })
      expect(arrived, `requests that reached the backend: ${title}`).toBe(1)
    }
    if (seconds.every(({ arrived, answer }) => arrived === 0 && isEdgeRefusal(answer)))
      throw new Error('the edge let no login through to the backend')
  },
})

const COOKIES = [
  'session=s3ss10n.a+b/c==; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax',
  'refresh=r3fr3sh; Path=/; Expires=Fri, 01 Jan 2038 00:00:00 GMT; Secure; HttpOnly; SameSite=Strict',
  '__Host-csrf=t0ken; Path=/; Secure; HttpOnly; SameSite=Strict',
]

claim('caching/login-cookies', {
  level: 'must',
  says: 'Every Set-Cookie of a login arrives unchanged, with Secure, HttpOnly and SameSite.',
  source: { standard: 'RFC 6265 §3, §4.1; RFC 9110 §5.3' },
  arrivesBy: apiArrives,
  needs: noOpenLogin,
  governedBy: {
    path: loginPath,
    directives: [
      'proxy_cookie_flags',
      'proxy_cookie_path',
      'proxy_cookie_domain',
      'proxy_hide_header',
    ],
    about: /cookie/i,
  },
  brokenBy: cookiesChanged,

  async check(context) {
    const { backend, contract, nonce, evidence, judging } = context
    const { login } = contract.paths
    const asks = ([200, 401] as const).flatMap(status =>
      context.client.protocols.map(protocol => async (client: (typeof context)['client']) => {
        const id = nonce()
        const headers = COOKIES.map((cookie): Header => ['set-cookie', cookie])
        await backend.steer(id, { status, headers })
        const answer = await client[protocol].request({
          path: login,
          method: 'POST',
          body: '{}',
          nonce: id,
        })
        return { answer, arrived: (await backend.requests(id)).length }
      }),
    )
    const answers = await atItsPace(context, login, asks)
    for (const { answer, arrived } of answers) {
      const title = `${outcomeOf(answer)} over ${answer.protocol}`
      const cookies = header(answer, 'set-cookie').map(takenApart)
      evidence(
        title,
        cookies.map(({ name, attributes }) => `${name}: ${attributes.join(', ')}`),
      )
      if (arrived === 0 && isEdgeRefusal(answer)) continue
      judging({ path: login, method: 'POST', ...(arrived === 0 && wayInwards) })
      for (const sent of COOKIES.map(takenApart)) {
        const [received, ...more] = cookies.filter(({ name }) => name === sent.name)
        expect(more, `${sent.name} a second time, ${title}`).toEqual([])
        expect(received, `Set-Cookie ${sent.name}, ${title}`).toEqual(sent)
      }
    }
    if (answers.every(({ arrived }) => arrived === 0))
      throw new Error('the edge let no login through to the backend')
  },
})

/** An edge may write an attribute in its own way, or say it twice; it means the same. */
function takenApart(cookie: string): { name: string; value: string; attributes: string[] } {
  const [pair = '', ...rest] = cookie.split(';').map(part => part.trim())
  const equals = pair.indexOf('=')
  const attributes = [...new Set(rest.map(part => part.toLowerCase()))].sort()
  return { name: pair.slice(0, equals), value: pair.slice(equals + 1), attributes }
}
