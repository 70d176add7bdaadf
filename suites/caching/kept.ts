import { expect } from 'vitest'
import { cacheDirectives } from '../../fixtures/cache-headers.ts'
import { claim } from '../../fixtures/claim.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { keptOtherwise, varyMissing } from '../../fixtures/faults/caching.ts'
import { anyOf, noFrontend, noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { pagesArrive, requestsArrive } from '../../fixtures/prerequisites.ts'
import type { HttpRecord } from '../../fixtures/probes/http.ts'
import { header } from '../../fixtures/probes/http.ts'

/** A year: what a build's files with a hash in their names are kept for. */
const IMMUTABLE_SECONDS = 31_536_000

claim('caching/static-preserved', {
  level: 'should',
  says: "The frontend's immutable files stay cacheable for a year, and its pages keep what they say of caching.",
  source: { standard: 'RFC 9111 §5.2.2, RFC 8246' },
  arrivesBy: pagesArrive,
  needs: noFrontend,
  governedBy: {
    path: ({ paths }) => `${paths.static}chunks/main-0a1b.js`,
    directives: ['add_header', 'proxy_hide_header', 'expires'],
    about: /cache-control|expires/i,
    sound: { expires: /^off$|^$/ },
  },
  brokenBy: keptOtherwise,

  async check(context) {
    const { client, frontend, contract, nonce, evidence, judging } = context
    for (const probe of client.both) {
      const file = nonce()
      const page = nonce()
      const path = `${contract.paths.static}chunks/main-0a1b.js`
      judging({ path })
      const asset = await probe.request({ path, nonce: file })
      const kept = cacheDirectives(asset.headers)
      evidence(
        `${path} over ${probe.protocol}`,
        `${outcomeOf(asset)}; ${kept.join(', ') || 'no Cache-Control'}`,
      )
      // A file that the edge serves from its own disk has nothing of the frontend's to keep.
      if ((await frontend.requests(file)).length > 0) {
        expect(kept, `Cache-Control of ${path}`).toContain('immutable')
        expect(longest(kept), `max-age of ${path}`).toBeGreaterThanOrEqual(IMMUTABLE_SECONDS)
        for (const word of ['no-store', 'no-cache', 'private'])
          expect(kept, `Cache-Control of ${path}`).not.toContain(word)
      }
      const said = 'private, no-cache, no-store, max-age=0, must-revalidate'
      await frontend.steer(page, { status: 200, headers: [['cache-control', said]] })
      judging({ path: '/' })
      const html = await probe.request({ path: '/', nonce: page })
      const heard = cacheDirectives(html.headers)
      evidence(
        `/ over ${probe.protocol}`,
        `${outcomeOf(html)}; ${heard.join(', ') || 'no Cache-Control'}`,
      )
      if ((await frontend.requests(page)).length > 0)
        expect([...new Set(heard)].sort(), 'Cache-Control of /').toEqual(said.split(', ').sort())
    }
  },
})

function longest(directives: readonly string[]): number {
  const ages = directives.map(part => Number(/^max-age="?(\d+)"?$/.exec(part)?.[1] ?? 0))
  // Of two that contradict each other, a cache may believe either.
  const said = ages.filter((_, at) => directives[at]?.startsWith('max-age'))
  return said.length === 0 ? 0 : Math.min(...said)
}

/** Long enough that compressing is worth its while to any edge. */
const BODY_BYTES = 64 * 1024

claim('caching/vary-with-compression', {
  level: 'should',
  says: 'An answer that may be compressed says Vary: Accept-Encoding, in either form.',
  source: { standard: 'RFC 9110 §12.5.5' },
  arrivesBy: requestsArrive,
  needs: anyOf(noOpenApi, noFrontend),
  governedBy: {
    path: ({ paths }) => `${paths.api}users`,
    directives: ['gzip_vary', 'gzip', 'brotli'],
    sound: { gzip_vary: /^on$/, gzip: /^off$/, brotli: /^off$|^$/ },
  },
  brokenBy: varyMissing,

  async check(context) {
    const { frontend, backend, contract, nonce, evidence, judging } = context
    const { api, static: files } = contract.paths
    const kinds = [
      { path: '/', type: 'text/html; charset=utf-8', actor: frontend },
      { path: `${api}users`, type: 'application/json', actor: backend },
      { path: `${files}chunks/main.js`, type: 'application/javascript', actor: frontend },
      { path: `${files}css/main.css`, type: 'text/css', actor: frontend },
    ]
    for (const { path, type, actor } of kinds) {
      const forms = ['gzip, br', 'identity'].map(
        encoding => async (client: (typeof context)['client']) => {
          const id = nonce()
          await actor.steer(id, {
            status: 200,
            bodyBytes: BODY_BYTES,
            headers: [['content-type', type]],
          })
          const answer = await client.http1.request({
            path,
            nonce: id,
            headers: { 'accept-encoding': encoding },
          })
          return { answer, arrived: (await actor.requests(id)).length > 0 }
        },
      )
      const [packed, plain] = await atItsPace(context, path, forms)
      const encoding = packed === undefined ? [] : header(packed.answer, 'content-encoding')
      evidence(
        `${path} (${type})`,
        [packed, plain]
          .map(each => each && `${outcomeOf(each.answer)}, ${encodingAndVary(each.answer)}`)
          .join(' | '),
      )
      if (encoding.length === 0) continue
      for (const { answer, arrived } of [packed, plain].filter(each => each !== undefined)) {
        if (!arrived) continue
        const named = header(answer, 'vary').flatMap(value => value.toLowerCase().split(/\s*,\s*/))
        judging({ path })
        expect(
          named.includes('accept-encoding') || named.includes('*'),
          `Vary of ${path} (${encodingAndVary(answer)}) names Accept-Encoding`,
        ).toBe(true)
      }
    }
  },
})

function encodingAndVary(answer: HttpRecord): string {
  const encoding = header(answer, 'content-encoding').join() || 'not compressed'
  return `${encoding}, Vary: ${header(answer, 'vary').join(' | ') || 'none'}`
}
