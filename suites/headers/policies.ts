import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { everyKindOfAnswer } from '../../fixtures/answers.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { policyMissing, policyTwice, siteWideLost } from '../../fixtures/faults/headers.ts'
import { noHttps, secureServer } from '../../fixtures/hosts.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { everyLocation } from '../../fixtures/platform/every-location.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { siteWideHeaders } from '../../fixtures/platform/site-wide-headers.ts'
import { usualMethod } from '../../fixtures/platform/usual-method.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'
import type { Header } from '../../stubs/protocol.ts'

/** Nobody has to write it. */
const INHERITS = { add_header_inherit: /^(?:on|merge)?$/ }

const governedBy = {
  path: ({ paths }: Contract) => paths.api,
  directives: ['add_header', 'add_header_inherit'],
  sound: INHERITS,
}

claim('headers/site-wide-not-lost', {
  level: 'should',
  says: 'A header that the configuration adds for the whole site is on every https answer, errors included.',
  source: { standard: 'nginx, ngx_http_headers_module: add_header is inherited all or not at all' },
  needs: (contract, facts) =>
    noHttps(contract) ??
    (siteWide(contract, facts, contract.hosts.primary).length === 0
      ? 'the configuration adds no header for the whole site'
      : undefined),
  governedBy,
  brokenBy: siteWideLost,

  async check(context) {
    const { contract, facts, evidence, judging } = context
    const all = siteWide(contract, facts, contract.hosts.primary)
    for (const { name, value, at } of all)
      evidence('for the whole site', `${name}: ${value} (${at.file}:${at.line})`)
    for (const { title, host, path, answer } of await everyKindOfAnswer(context)) {
      const lost = siteWide(contract, facts, host)
        .map(({ name }) => name)
        .filter(name => header(answer, name).length === 0)
      if (lost.length > 0) evidence(`${title} (${answer.status})`, `lacks ${lost.join(', ')}`)
      judging({ host, path, about: aboutAny(lost) })
      expect(lost, `site-wide headers that ${title} (${answer.status}) lacks`).toEqual([])
    }
  },
})

function siteWide(contract: Contract, facts: PlatformFacts, host: string) {
  const server = secureServer(contract, facts, host)
  return server === undefined ? [] : siteWideHeaders(server, host)
}

claim('headers/nosniff-frame-referrer', {
  level: 'should',
  says: 'Every https answer has X-Content-Type-Options: nosniff, a frame policy and a Referrer-Policy.',
  source: { standard: 'Fetch §3.6 (nosniff); RFC 7034 and CSP 3 §6.4.2; Referrer Policy §4.1' },
  needs: noHttps,
  governedBy,
  brokenBy: policyMissing,

  async check(context) {
    const { evidence, judging } = context
    for (const { title, host, path, answer } of await everyKindOfAnswer(context)) {
      const missing = missingPolicies(answer)
      evidence(title, `${answer.status}; ${missing.join(', ') || 'complete'}`)
      judging({ host, path, about: aboutAny(missing.flatMap(name => name.split(/:| or /))) })
      expect(missing, `what ${title} (${answer.status}) lacks`).toEqual([])
    }
  },
})

function missingPolicies(answer: HttpRecord): string[] {
  const nosniff = header(answer, 'x-content-type-options').map(value => value.toLowerCase())
  const frames = header(answer, 'x-frame-options').join()
  const csp = header(answer, 'content-security-policy').join()
  const hasFramePolicy = /^(deny|sameorigin)$/i.test(frames) || /frame-ancestors/i.test(csp)
  const referrer = header(answer, 'referrer-policy').join()
  return [
    ...(nosniff.join() === 'nosniff' ? [] : ['X-Content-Type-Options: nosniff']),
    ...(hasFramePolicy ? [] : ['X-Frame-Options or frame-ancestors']),
    // The one policy that tells any site the whole address, query and all.
    ...(referrer === '' || /\bunsafe-url$/i.test(referrer) ? ['Referrer-Policy'] : []),
  ]
}

/** Policies of which a page has one. (Of Content-Security-Policy there may be several: all of them hold.) */
const ONE_POLICY = [
  'strict-transport-security',
  'x-content-type-options',
  'x-frame-options',
  'referrer-policy',
]

/** What applications say that take care of themselves, as helmet does. */
const OF_AN_APPLICATION: Header[] = [
  ['strict-transport-security', 'max-age=15552000'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'SAMEORIGIN'],
  ['referrer-policy', 'no-referrer'],
]

claim('headers/one-policy', {
  level: 'should',
  says: 'No answer carries a policy twice; where the edge puts its own in the place of the application’s, that is so for each of them.',
  source: {
    standard: 'RFC 6797 §6.1; RFC 7034 §2.1; Fetch §3.6 (a second value is read with the first)',
  },
  needs: noHttps,
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['proxy_hide_header', 'add_header', 'add_header_inherit'],
    sound: INHERITS,
  },
  brokenBy: policyTwice,

  async check(context) {
    const { evidence, judging } = context
    const own = await everyKindOfAnswer(context)
    const all = [...own, ...(ownsPolicies(context) ? await withPoliciesInside(context) : [])]
    evidence('answers looked at', all.length)
    for (const { title, host, path, answer } of all) {
      const twice = ONE_POLICY.filter(name => header(answer, name).length > 1)
      const seen = twice.map(name => `${name}: ${header(answer, name).join(' | ')}`)
      if (twice.length > 0) evidence(`${title} (${answer.status})`, seen.join('; '))
      const about = aboutAny(twice)
      // Where the application says nothing of the kind, it is the edge that says it twice.
      const byEdge = own.some(each => each.answer === answer)
      judging({ host, path, about, ...(byEdge && { directives: ['add_header'] }) })
      expect(twice, `policies that ${title} (${answer.status}) carries twice`).toEqual([])
    }
  },
})

/** Whether the edge takes policies of the application's out of answers to put its own there. */
function ownsPolicies({ contract, facts }: ClaimContext): boolean {
  return everyLocation(secureServer(contract, facts, contract.hosts.primary)).some(location => {
    const named = (directive: string) =>
      effective(location, directive).directives.map(({ args: [name = ''] }) => name.toLowerCase())
    const added = named('add_header')
    return named('proxy_hide_header').some(
      name => ONE_POLICY.includes(name) && added.includes(name),
    )
  })
}

/** Answers of services that have policies of their own. */
async function withPoliciesInside(context: ClaimContext) {
  const { client, contract, backend, frontend, nonce } = context
  const { api, login } = contract.paths
  const asked = [
    { path: '/pages', actor: frontend, method: 'GET' },
    { path: `${api}users`, actor: backend, method: usualMethod(contract, api) },
    { path: login, actor: backend, method: 'POST' },
  ]
  const answers = await Promise.all(
    asked.map(async ({ path, actor, method }) => {
      const id = nonce()
      await actor.steer(id, { status: 200, headers: OF_AN_APPLICATION })
      const body = method === 'POST' ? '{}' : undefined
      const answer = await client.http1.request({ path, method, body, nonce: id })
      const title = `${method} ${path}, with policies of the application’s own,`
      return { title, host: contract.hosts.primary, path, answer }
    }),
  )
  return answers.filter(({ answer }) => answer.status !== undefined)
}
