import { expect } from 'vitest'
import { broken, inLocation, inServer } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import { anyPage } from '../../fixtures/faults/ways.ts'
import { everyHost, noAcme } from '../../fixtures/needs.ts'

const challenge = () => '/.well-known/acme-challenge/token'
const challengeLocation = inLocation(challenge, { scheme: 'http' })

claim('redirects/acme-challenge', {
  level: ({ acme }) => acme?.level ?? 'must',
  says: 'A challenge is served over port 80 on every host, byte for byte from the webroot, and no other file of it is.',
  source: { spec: "SSL/TLS (Let's Encrypt, certbot); RFC 8555 §8.3" },
  needs: noAcme,
  governedBy: {
    scheme: 'http',
    path: () => '/.well-known/acme-challenge/token',
    directives: ['root', 'alias', 'return', 'try_files', 'proxy_pass'],
  },
  brokenBy: [
    broken('the location of challenges deleted', challengeLocation.remove()),
    broken(
      'a redirect of the whole server',
      inServer({ scheme: 'http' }).add('return 301 https://$host$request_uri;'),
    ),
    broken(
      'challenges redirected',
      challengeLocation.holds('return 301 https://$host$request_uri;'),
    ),
    broken(
      'the whole webroot served',
      inLocation(anyPage, { scheme: 'http' }).holds(
        ({ contract }) => `root ${contract.acme?.webroot ?? '/var/www'};`,
      ),
    ),
  ],

  async check({ client, contract, engine, topology, nonce, evidence }) {
    const { webroot, directory } = contract.acme ?? { webroot: '', directory: '' }
    const token = `topology-${nonce()}`
    // RFC 8555 §8.1: the token, a dot, and a thumbprint.
    const content = `${token}.${'A'.repeat(43)}`
    const stray = `stray-${nonce()}.txt`
    await engine.putFile(topology.edge.id, `${directory}/${token}`, content)
    await engine.putFile(topology.edge.id, `${webroot}/${stray}`, 'not to be served')
    evidence('webroot', `${directory}/${token}`)
    for (const host of everyHost(contract)) {
      const path = `/.well-known/acme-challenge/${token}`
      const answer = await client.http1.request({ scheme: 'http', host, path })
      evidence(
        `http://${host}${path}`,
        `${answer.status ?? answer.error?.message}, ${answer.bodyBytes} bytes`,
      )
      expect(answer.status, `status of the challenge on ${host}`).toBe(200)
      expect(answer.body, `the challenge on ${host}`).toBe(content)
      for (const other of [
        `/${stray}`,
        `/.well-known/${stray}`,
        `/.well-known/acme-challenge/%2e%2e/%2e%2e/${stray}`,
      ]) {
        const leaked = await client.http1.request({ scheme: 'http', host, path: other })
        expect(leaked.body, `http://${host}${other}, which is no challenge`).not.toBe(
          'not to be served',
        )
      }
    }
  },
})
