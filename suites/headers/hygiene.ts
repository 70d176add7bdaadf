import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { answersAtOwnPaths, everyKindOfAnswer } from '../../fixtures/answers.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { repeated, versionTold } from '../../fixtures/faults/headers.ts'
import { usualMethod } from '../../fixtures/platform/usual-method.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'

/** Headers that have one value; a second one leaves it to the client which counts. */
const SINGLE = [
  'content-type',
  'strict-transport-security',
  'content-length',
  'location',
  'access-control-allow-origin',
]

claim('headers/no-duplicates', {
  level: 'must',
  says: 'No answer repeats a header that has a single value.',
  source: { standard: 'RFC 9110 §5.3; RFC 6797 §6.1; Fetch §4.10 (CORS check)' },
  governedBy: { path: ({ paths }) => paths.api, directives: ['add_header', 'proxy_hide_header'] },
  brokenBy: repeated,

  async check(context) {
    const { evidence, judging } = context
    const all = await Promise.all([
      everyKindOfAnswer(context),
      answersAtOwnPaths(context),
      answersAcrossOrigins(context),
    ])
    const answers = all.flat()
    evidence('answers looked at', answers.length)
    for (const { title, host, path, answer } of answers) {
      const repeated = SINGLE.filter(name => header(answer, name).length > 1)
      const seen = repeated.map(name => `${name}: ${header(answer, name).join(' | ')}`)
      if (repeated.length > 0) evidence(`${title} (${answer.status})`, seen.join('; '))
      judging({ host, path, about: aboutAny(repeated) })
      expect(repeated, `headers that ${title} (${answer.status}) repeats`).toEqual([])
    }
  },
})

/** What a script of another origin, or its preflight, is answered: there CORS headers are set. */
function answersAcrossOrigins({ client, contract }: ClaimContext) {
  const { primary: host } = contract.hosts
  const path = `${contract.paths.api}users`
  const headers = { origin: `https://${host}`, 'access-control-request-method': 'POST' }
  return Promise.all(
    [usualMethod(contract, path), 'OPTIONS'].map(async method => {
      const answer = await client.http1.request({ method, path, headers })
      return { title: `${method} ${path} with an Origin`, host, path, answer }
    }),
  )
}

/** What a version looks like, in a `Server` header and on an error page. */
const VERSION = /nginx\/\d[\d.]*/

claim('headers/version-hidden', {
  level: 'should',
  says: "No answer, error pages included, tells nginx's version.",
  source: { standard: 'RFC 9110 §10.2.4 (Server)' },
  governedBy: { directives: ['server_tokens'], sound: { server_tokens: /^off$/ } },
  brokenBy: versionTold,

  async check(context) {
    const { client, contract, topology, evidence, judging } = context
    const { primary, aliases } = contract.hosts
    const [https, own, ...plain] = await Promise.all([
      everyKindOfAnswer(context),
      answersAtOwnPaths(context),
      ...(contract.edge.plain ? [primary, ...aliases] : []).flatMap(host =>
        ['/', '/.env'].map(path => client.http1.request({ scheme: 'http', host, path })),
      ),
    ])
    // Whatever comes before a host is known: no HTTP at all, and plain HTTP where TLS is expected.
    const nonsense = await Promise.all(
      Object.keys(topology.edge.ports).map(port =>
        client.raw({ port: Number(port), bytes: 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n' }),
      ),
    )
    const texts = [
      ...[...https, ...own].map(({ title, host, path, answer }) => ({
        title,
        place: { host, path },
        text: textOf(answer),
      })),
      ...plain.map(answer => ({ title: answer.url, place: undefined, text: textOf(answer) })),
      ...nonsense.map(({ port, received }) => ({
        title: `a request without Host on port ${port}`,
        place: undefined,
        text: received,
      })),
    ]
    evidence('answers looked at', texts.length)
    for (const { title, place, text } of texts) {
      const [told] = VERSION.exec(text) ?? []
      if (told !== undefined) evidence(title, told)
      if (place !== undefined) judging(place)
      expect(told, `version that ${title} tells`).toBeUndefined()
    }
  },
})

function textOf(answer: HttpRecord): string {
  return [...answer.headers.map(pair => pair.join(': ')), answer.body].join('\n')
}
