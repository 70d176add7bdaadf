import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { challengesLost, challengesMadeUp } from '../../fixtures/faults/redirects.ts'
import { noPlainHttp } from '../../fixtures/hosts.ts'
import { assertInTime } from '../../fixtures/in-time.ts'
import { anyOf, everyHost, noAcme } from '../../fixtures/needs.ts'

const CHALLENGES = '/.well-known/acme-challenge/'
const SECRET = 'not to be served'

claim('redirects/acme-challenge', {
  level: ({ acme }) => acme?.level ?? 'must',
  says: 'A challenge is served over port 80 on every host, byte for byte from the webroot, and no other file of it is.',
  source: { spec: "SSL/TLS (Let's Encrypt, certbot); RFC 8555 §8.3" },
  needs: anyOf(noAcme, noPlainHttp),
  governedBy: {
    scheme: 'http',
    path: () => '/.well-known/acme-challenge/token',
    directives: ['root', 'alias', 'return', 'try_files', 'proxy_pass'],
  },
  brokenBy: [...challengesLost, ...challengesMadeUp],

  async check({ client, contract, engine, topology, nonce, evidence, judging }) {
    const { webroot, directory } = contract.acme ?? { webroot: '', directory: '' }
    const token = `topology-${nonce()}`
    // RFC 8555 §8.1: the token, a dot, and a thumbprint.
    const content = `${token}.${'A'.repeat(43)}`
    const stray = `stray-${nonce()}.txt`
    await engine.putFile(topology.edge.id, `${directory}/${token}`, content)
    await engine.putFile(topology.edge.id, `${webroot}/${stray}`, SECRET)
    evidence('webroot', `${directory}/${token}`)
    for (const host of everyHost(contract)) {
      const path = `${CHALLENGES}${token}`
      const answer = await client.http1.request({ scheme: 'http', host, path })
      const seen = `${answer.status ?? answer.error?.message}, ${answer.bodyBytes} bytes`
      evidence(`http://${host}${path}`, seen)
      judging({ scheme: 'http', host, path })
      assertInTime([{ title: `the challenge on ${host}`, answer }])
      expect(answer.status, `status of the challenge on ${host}`).toBe(200)
      expect(answer.body, `the challenge on ${host}`).toBe(content)
      const missing = await client.http1.request({ scheme: 'http', host, path: `${path}-missing` })
      evidence(`http://${host}${path}-missing`, missing.status ?? missing.error?.message)
      const refused = `status of a challenge that is not there, on ${host}`
      expect(missing.status ?? 0, refused).toBeGreaterThanOrEqual(400)
      const others = [
        `/${stray}`,
        `/.well-known/${stray}`,
        `${CHALLENGES}../../${stray}`,
        `${CHALLENGES}%2e%2e/%2e%2e/${stray}`,
        `${CHALLENGES.slice(0, -1)}../../${stray}`,
      ]
      const leaks = await Promise.all(
        others.map(other => client.http1.request({ scheme: 'http', host, path: other })),
      )
      for (const { body, url } of leaks) {
        const given = body === SECRET ? 'a file of the webroot' : 'no file'
        expect(given, `what is given at ${url}, which is no challenge`).toBe('no file')
      }
    }
  },
})
