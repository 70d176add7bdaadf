import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { Client } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { notCompressed } from '../../fixtures/faults/routing.ts'
import { anyOf, type Need, noWayIn } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { effective, parseSize } from '../../fixtures/platform/nginx/effective.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { header } from '../../fixtures/probes/http.ts'
import { scopeOf } from '../../fixtures/scope.ts'

const ID = 'routing/compresses-text'

/** Few answers are smaller that are worth a compressor's while, and most are larger. */
const BODY_BYTES = 4 * 1024

/** Who compresses nothing below this compresses hardly anything. */
const LARGE_BYTES = 64 * 1024

const saysNothing: Need = (contract, facts) => {
  if (contract.promises.includes(ID)) return undefined
  const scope = scopeOf({ contract, facts }, '/')
  const written = scope && effective(scope, 'gzip').directives.at(-1)
  // What the edge's image brings along is nobody's decision.
  const isOwn = written !== undefined && facts.configuration.sources.includes(written.at.file)
  return isOwn && written.args[0] === 'on'
    ? undefined
    : 'the configuration does not say that the edge compresses'
}

claim(ID, {
  level: 'should',
  says: 'A client that accepts gzip gets pages, scripts, style sheets and the other types that the configuration lists compressed.',
  source: { standard: 'RFC 9110 §8.4, §12.5.3' },
  arrivesBy: requestsArrive,
  needs: anyOf(noWayIn, saysNothing),
  governedBy: {
    path: () => '/',
    directives: ['gzip', 'gzip_types', 'gzip_min_length'],
  },
  brokenBy: notCompressed,

  async check(context) {
    const { contract, facts, evidence, judging } = context
    const { api, static: files } = contract.paths
    const isPromised = contract.promises.includes(ID)
    const types = every(facts.configuration.directives).flatMap(({ name, args }) =>
      name === 'gzip_types' ? args : [],
    )
    const script =
      ['application/javascript', 'text/javascript', 'application/x-javascript'].find(type =>
        types.includes(type),
      ) ?? 'application/javascript'
    const kinds = [
      { path: '/', type: 'text/html', of: 'frontend' as const },
      { path: `${files}chunks/main.js`, type: script, of: 'frontend' as const },
      { path: `${files}css/main.css`, type: 'text/css', of: 'frontend' as const },
      // Some leave an API's answers as they are, so that nobody learns a secret from their length.
      ...(isPromised || types.includes('application/json') || types.includes('*')
        ? [{ path: `${api}users`, type: 'application/json', of: 'backend' as const }]
        : []),
    ]
    // A proxy of the client's own says Via; only who promises it compresses for those, too.
    const proxied: Record<string, string> = { via: '1.1 proxy.example' }
    const ways = [{}, ...(isPromised ? [proxied] : [])]
    for (const { path, type, of } of kinds) {
      const asks = ways.map(
        headers => (client: Client) => ask(context, client, { path, type, of, headers }),
      )
      for (const { answer, arrived, title } of await atItsPace(context, path, asks)) {
        const encoding = header(answer, 'content-encoding').join() || 'not compressed'
        evidence(title, `${outcomeOf(answer)}, ${encoding}`)
        if (!arrived || answer.status !== 200) continue
        judging(
          title.endsWith(FOR_A_PROXY)
            ? { path, directives: ['gzip_proxied'], sound: { gzip_proxied: /^any$/ } }
            : { path, sound: { ...sound, gzip_types: withType(type) } },
        )
        expect(encoding, `Content-Encoding of ${title}`).toMatch(/^(?:gzip|br|zstd)$/)
      }
    }
  },
})

const FOR_A_PROXY = ', for a proxy'

/** Lists of types with one of them: any list has HTML. */
function withType(type: string): RegExp {
  return type === 'text/html' ? /^/ : new RegExp(`(?:^|\\s)(?:\\*|${type})(?:\\s|$)`)
}

/** With these an answer of that size is compressed. */
const sound = { gzip: /^on$/, gzip_min_length: /^(?:\d{1,3}|[1-3]\d{3}|[1-4]k)$/ }

/** As large as is worth the while of whoever wrote the configuration; a promise is held to what usually is. */
function bodyBytes({ contract, facts }: ClaimContext, path: string): number {
  const scope = scopeOf({ contract, facts }, path)
  const least = scope && effective(scope, 'gzip_min_length').directives.at(-1)?.args[0]
  if (least === undefined || contract.promises.includes(ID)) return BODY_BYTES
  return Math.max(BODY_BYTES, Math.min(LARGE_BYTES, 2 * parseSize(least)))
}

interface Asked {
  path: string
  type: string
  of: 'frontend' | 'backend'
  headers: Record<string, string>
}

async function ask(context: ClaimContext, client: Client, { path, type, of, headers }: Asked) {
  const id = context.nonce()
  const actor = context[of]
  await actor.steer(id, {
    status: 200,
    bodyBytes: bodyBytes(context, path),
    headers: [['content-type', `${type}; charset=utf-8`]],
  })
  const answer = await client.http1.request({
    path: `${path}?probe=${id}`,
    nonce: id,
    headers: { 'accept-encoding': 'gzip', ...headers },
  })
  const arrived = (await actor.requests(id)).length > 0
  const proxied = 'via' in headers ? FOR_A_PROXY : ''
  return { title: `${path} (${type})${proxied}`, answer, arrived }
}
