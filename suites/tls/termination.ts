import { expect } from 'vitest'
import { aboutAny } from '../../fixtures/about.ts'
import { arrivals, arrived } from '../../fixtures/arrivals.ts'
import { claim } from '../../fixtures/claim.ts'
import { innerTls, plainOn443 } from '../../fixtures/faults/tls.ts'
import { noHttps } from '../../fixtures/hosts.ts'
import { anyOf, noWayIn } from '../../fixtures/needs.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import { proxyBefore } from '../../fixtures/proxy-before.ts'
import { NONCE_HEADER } from '../../stubs/protocol.ts'

claim('tls/terminates-at-edge', {
  level: 'must',
  says: 'HTTPS ends at the edge: frontend and backend receive plain HTTP, and are told that the client came over https.',
  source: { spec: 'Flow Description 2 (SSL Termination); SSL/TLS (unencrypted internal traffic)' },
  arrivesBy: ['routing/services-answer'],
  needs: anyOf(noHttps, noWayIn),
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['proxy_pass'],
  },
  brokenBy: innerTls,

  async check(context) {
    const { frontend, backend, contract, facts, evidence, judging } = context
    // A proxy before the edge says how the client came, which the edge may pass on.
    const before = proxyBefore(contract, facts)
    if (before !== undefined) evidence('asked as a proxy does that says https', before)
    const headers = before === undefined ? undefined : { 'x-forwarded-proto': 'https' }
    // An edge that speaks TLS inwards gets no answer from a service that expects HTTP.
    const all = await arrivals(context, ['/', `${contract.paths.api}users`], headers)
    for (const [actor, name] of [
      [frontend, 'frontend'],
      [backend, 'backend'],
    ] as const) {
      const bytes = (await actor.foreign()).filter(({ firstBytes }) => firstBytes.startsWith('16'))
      if (bytes.length > 0) evidence(`TLS bytes at the ${name}`, bytes[0])
      expect(bytes.length, `TLS handshakes that reached the ${name}`).toBe(0)
    }
    for (const { path, passed } of arrived(all)) {
      for (const { role, headers, httpVersion } of passed) {
        const proto = valuesOf(headers, 'x-forwarded-proto')
        const told = proto.join(' | ') || 'none'
        evidence(`${path} at the ${role}`, `HTTP/${httpVersion}, X-Forwarded-Proto: ${told}`)
        judging({ path, directives: ['proxy_set_header'], about: aboutAny(['X-Forwarded-Proto']) })
        expect(proto, `X-Forwarded-Proto of ${path} at the ${role}`).toEqual(['https'])
      }
    }
  },
})

claim('tls/no-plain-http-on-443', {
  level: 'must',
  says: 'Plain HTTP on port 443 is refused with 400 (or sent to https) and never reaches the application.',
  source: { spec: 'SSL/TLS' },
  needs: noHttps,
  governedBy: { directives: ['listen', 'error_page'] },
  brokenBy: plainOn443,

  async check({ client, frontend, backend, contract, nonce, evidence, judging }) {
    const { hosts, paths, edge } = contract
    const id = nonce()
    for (const [method, path] of [
      ['GET', '/'],
      ['POST', paths.login],
    ] as const) {
      const lines = [
        `${method} ${path} HTTP/1.1`,
        `Host: ${hosts.primary}`,
        `${NONCE_HEADER}: ${id}`,
        'Content-Length: 0',
        'Connection: close',
      ]
      const answer = await client.raw({
        port: edge.httpsPort,
        bytes: `${lines.join('\r\n')}\r\n\r\n`,
      })
      const { status, headers = [] } = answer.head ?? {}
      const [location = ''] = valuesOf(headers, 'location')
      evidence(`${method} ${path}`, `${status ?? answer.ended} ${location}`.trim())
      judging({ path })
      // Some send the lost client to https (`error_page 497`), or hang up: that gives nothing away.
      const sentOn = status !== undefined && status >= 300 && status < 400
      if (sentOn) expect(location, `where ${method} ${path} is sent`).toMatch(/^https:/)
      else expect(status ?? 400, `status of ${method} ${path}`).toBe(400)
    }
    const passed = [...(await frontend.requests(id)), ...(await backend.requests(id))]
    expect(passed.length, 'requests in plain HTTP on port 443 that were let through').toBe(0)
  },
})
