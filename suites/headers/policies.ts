import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { everyKindOfAnswer } from '../../fixtures/answers.ts'
import { claim } from '../../fixtures/claim.ts'
import { policyMissing, siteWideLost } from '../../fixtures/faults/headers.ts'
import { noHttps, secureServer } from '../../fixtures/hosts.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { siteWideHeaders } from '../../fixtures/platform/site-wide-headers.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

const governedBy = {
  path: ({ paths }: Contract) => paths.api,
  directives: ['add_header', 'add_header_inherit'],
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
    ...(referrer === '' ? ['Referrer-Policy'] : []),
  ]
}
