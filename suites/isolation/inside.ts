import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { tlsInside } from '../../fixtures/faults/tls.ts'
import { noOpenApi } from '../../fixtures/needs.ts'

/** The first byte of a TLS record that begins a handshake, in hexadecimal. */
const HANDSHAKE = '16'

claim('isolation/plain-inside', {
  level: 'should',
  says: 'Inside the container network requests travel unencrypted, as the specification draws it; anything else is another picture.',
  source: { spec: 'SSL/TLS (unencrypted internal traffic)' },
  needs: noOpenApi,
  governedBy: {
    path: ({ paths }) => `${paths.api}users`,
    directives: ['proxy_pass', 'proxy_ssl_verify'],
  },
  brokenBy: tlsInside,

  async check({ client, frontend, backend, contract, nonce, evidence }) {
    const hops = contract.apiHops.filter(role => role === 'frontend' || role === 'backend')
    const id = nonce()
    const answer = await client.http1.request({
      // A path of its own, so that no cache answers for the backend.
      path: `${contract.paths.api}users/${id}`,
      nonce: id,
    })
    if (contract.frontend.names.length > 0) await client.http1.request({ path: '/', nonce: id })
    for (const [role, actor] of Object.entries({ frontend, backend } as const)) {
      const handshakes = (await actor.foreign()).filter(({ firstBytes }) =>
        firstBytes.startsWith(HANDSHAKE),
      )
      const arrived = await actor.requests(id)
      evidence(`at the ${role}`, {
        'requests in plain HTTP': arrived
          .filter(({ encrypted }) => encrypted === undefined)
          .map(({ method, target }) => `${method} ${target}`),
        'TLS handshakes': handshakes.length,
      })
      expect(
        arrived.filter(({ encrypted }) => encrypted === true).map(({ target }) => target),
        `requests that reached the ${role} over TLS`,
      ).toEqual([])
      expect(handshakes.length, `TLS handshakes that reached the ${role}`).toBe(0)
      if (hops.some(hop => hop === role) && answer.status === 200)
        expect(arrived.length, `requests in plain HTTP that reached the ${role}`).toBeGreaterThan(0)
    }
  },
})
