import { expect } from 'vitest'
import { broken, everywhere } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'

claim('tls/terminates-at-edge', {
  level: 'must',
  says: 'HTTPS ends at the edge: frontend and backend receive plain HTTP, and are told that the client came over https.',
  source: { spec: 'Flow Description 2 (SSL Termination); SSL/TLS (unencrypted internal traffic)' },
  governedBy: { path: ({ paths }) => paths.api, directives: ['proxy_pass', 'proxy_set_header'] },
  brokenBy: [
    broken('no X-Forwarded-Proto', everywhere('proxy_set_header X-Forwarded-Proto').remove()),
    broken('X-Forwarded-Proto http', everywhere('proxy_set_header X-Forwarded-Proto').set('http')),
    broken(
      'TLS on the inside',
      everywhere('proxy_pass').rewrite(text => text.replace('http://', 'https://')),
      { alone: true },
    ),
  ],

  async check({ client, frontend, backend, contract, nonce, evidence }) {
    const page = nonce()
    const api = nonce()
    await client.http1.request({ path: '/', nonce: page })
    await client.http1.request({ path: `${contract.paths.api}users/${api}`, nonce: api })
    for (const [actor, id, name] of [
      [frontend, page, 'frontend'],
      [backend, api, 'backend'],
    ] as const) {
      const foreign = (await actor.foreign()).filter(({ firstBytes }) =>
        firstBytes.startsWith('16'),
      )
      if (foreign.length > 0) evidence(`TLS bytes at the ${name}`, foreign[0])
      expect(foreign.length, `TLS handshakes that reached the ${name}`).toBe(0)
      const request = await actor.request(id)
      const proto = valuesOf(request.headers, 'x-forwarded-proto')
      evidence(
        `the ${name} received`,
        `plain HTTP/${request.httpVersion}, X-Forwarded-Proto: ${proto.join(' | ') || 'none'}`,
      )
      expect(proto, `X-Forwarded-Proto at the ${name}`).toEqual(['https'])
    }
  },
})
