import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { cacheDirectives } from '../../fixtures/cache-headers.ts'
import { claim } from '../../fixtures/claim.ts'
import type { Client } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { besideOwnHeaders } from '../../fixtures/faults/caching.ts'
import { anyOf, loginPath, type Need, noOpenLogin } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import { header } from '../../fixtures/probes/http.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import type { Steering } from '../../stubs/protocol.ts'

const ID = 'caching/login-own-headers'

/** What a cache could hold on to, or ask again with. */
const OF_CACHES = ['expires', 'pragma', 'age', 'etag', 'last-modified']

/** How many of these an edge drops that means all of them. */
const MEANS_ALL = 3

const CONDITIONAL = {
  'if-none-match': '"login-0"',
  'if-modified-since': 'Mon, 05 Jan 2026 08:00:00 GMT',
}

/** What a backend may say of a login's answer, and what it may forget. */
const BACKEND: Record<string, Steering> = {
  'no cache header': { status: 200, without: ['cache-control'] },
  'an hour for everybody': {
    status: 200,
    headers: [
      ['cache-control', 'public, max-age=3600'],
      ['expires', 'Fri, 01 Jan 2038 00:00:00 GMT'],
      ['pragma', 'cache'],
      ['age', '7'],
      ['etag', '"login-0"'],
      ['last-modified', 'Mon, 05 Jan 2026 08:00:00 GMT'],
    ],
  },
  'no cache header, and 401': { status: 401, without: ['cache-control'] },
}

const notOwned: Need = (contract, facts) => {
  if (contract.promises.includes(ID)) return undefined
  const scope = scopeOf({ contract, facts }, loginPath(contract))
  const named = (directive: string) =>
    scope === undefined
      ? []
      : effective(scope, directive).directives.map(({ args: [name = ''] }) => name.toLowerCase())
  const hidden = named('proxy_hide_header')
  const isOwned = named('add_header').includes('cache-control') && hidden.includes('cache-control')
  return isOwned && OF_CACHES.filter(name => hidden.includes(name)).length >= MEANS_ALL
    ? undefined
    : 'the configuration leaves it to the backend what caches may do with a login’s answer'
}

claim(ID, {
  level: 'should',
  says: 'Whatever the backend says or forgets, the login answer has the edge’s no-store, and nothing beside it that a cache could hold on to; nor is a login asked conditionally.',
  source: { spec: 'Flow Description 5 (secure caching); RFC 9111 §5.2.2.5, §4.3' },
  arrivesBy: apiArrives,
  needs: anyOf(noOpenLogin, notOwned),
  governedBy: {
    path: loginPath,
    directives: ['proxy_hide_header', 'add_header', 'proxy_set_header', 'proxy_pass'],
    about: /cache-control|expires|pragma|age|etag|modified|none-match/i,
  },
  brokenBy: besideOwnHeaders,

  async check(context) {
    const { login } = context.contract.paths
    const asks = Object.entries(BACKEND).flatMap(([name, steering]) =>
      context.client.protocols.map(
        protocol => (client: Client) => ask(context, client, protocol, name, steering),
      ),
    )
    const answers = await atItsPace(context, login, asks, { requestsEach: 1 })
    const judged = answers.filter(
      ({ passed, answer }) => passed.length > 0 || !isEdgeRefusal(answer),
    )
    if (judged.length === 0) throw new Error('the edge let no login through to the backend')
    for (const { title, answer, passed } of judged) {
      const beside = OF_CACHES.flatMap(name =>
        header(answer, name).map(value => `${name}: ${value}`),
      )
      const control = header(answer, 'cache-control')
      const asked = Object.keys(CONDITIONAL).filter(
        name => valuesOf(passed[0]?.headers ?? [], name).length > 0,
      )
      context.evidence(title, {
        answer: outcomeOf(answer),
        'Cache-Control': control.join(' | ') || 'none',
        beside: beside.join('; ') || 'nothing',
        'asked with': asked.join(', ') || 'no condition',
      })
      const judged = (directives: string[], names: string[]) =>
        context.judging({ path: login, method: 'POST', directives, about: aboutAny(names) })
      judged(['add_header', 'proxy_hide_header'], ['Cache-Control'])
      expect(control, `Cache-Control of ${title}`).toHaveLength(1)
      expect(cacheDirectives(answer.headers), `Cache-Control of ${title}`).toContain('no-store')
      expect(cacheDirectives(answer.headers), `Cache-Control of ${title}`).not.toContain('public')
      judged(
        ['proxy_hide_header'],
        beside.map(line => line.split(':')[0] ?? ''),
      )
      expect(beside, `what stands beside it in ${title}`).toEqual([])
      judged(['proxy_set_header'], asked)
      expect(asked, `conditions that reach the service, of ${title}`).toEqual([])
    }
  },
})

async function ask(
  { contract, frontend, backend, nonce }: ClaimContext,
  client: Client,
  protocol: 'http1' | 'http2',
  name: string,
  steering: Steering,
) {
  const id = nonce()
  await backend.steer(id, steering)
  const answer = await client[protocol].request({
    path: contract.paths.login,
    method: 'POST',
    body: '{}',
    headers: CONDITIONAL,
    nonce: id,
  })
  const passed = [...(await frontend.requests(id)), ...(await backend.requests(id))]
  return {
    title: `a login over ${answer.protocol}, with ${name} from the backend`,
    answer,
    passed,
  }
}
