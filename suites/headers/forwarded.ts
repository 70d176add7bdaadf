import { expect } from 'vitest'
import { plainAddress } from '../../fixtures/actors.ts'
import { all, broken, everywhere, inLocation } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import { apiPath } from '../../fixtures/faults/ways.ts'
import { streamPath } from '../../fixtures/needs.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'

const forwardedFor = everywhere('proxy_set_header X-Forwarded-For')
const realIp = everywhere('proxy_set_header X-Real-IP')

claim('headers/client-address-forwarded', {
  level: 'must',
  says: "The backend receives the client's real address, on every route.",
  source: { standard: 'RFC 7239 §5.2 (X-Forwarded-For as its forerunner)' },
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['proxy_set_header', 'real_ip_header'],
  },
  brokenBy: [
    broken('no address forwarded', all(forwardedFor.remove(), realIp.remove())),
    broken(
      "the edge's own address",
      all(forwardedFor.set('$server_addr'), realIp.set('$server_addr')),
    ),
    broken(
      'whatever the client says',
      all(forwardedFor.set('$http_x_forwarded_for'), realIp.set('$http_x_real_ip')),
    ),
    broken(
      'one header of its own in the API’s location',
      inLocation(apiPath).add('proxy_set_header X-Route api;'),
    ),
    broken(
      'one header of its own in the stream’s location',
      inLocation(streamPath).add('proxy_set_header X-Route stream;'),
    ),
  ],

  async check({ client, backend, contract, nonce, evidence }) {
    const { paths } = contract
    const address = await backend.clientAddress()
    evidence("the client's address on the platform's network", address)
    const routes = [
      `${paths.api}users/${nonce()}`,
      paths.login,
      ...(paths.stream === undefined ? [] : [paths.stream]),
    ]
    for (const path of routes) {
      const id = nonce()
      const isStream = path === paths.stream
      const method = path === paths.login ? 'POST' : 'GET'
      await using stream = isStream ? client.http1.openEventStream(path, { nonce: id }) : undefined
      if (!isStream) await client.http1.request({ path, method, nonce: id })
      const { headers } = await backend.request(id)
      const forwardedFor = valuesOf(headers, 'x-forwarded-for')
      const seen = {
        'X-Forwarded-For': forwardedFor.join(' | ') || 'none',
        'X-Real-IP': valuesOf(headers, 'x-real-ip').join(' | ') || 'none',
        Forwarded: valuesOf(headers, 'forwarded').join(' | ') || 'none',
      }
      evidence(path, seen)
      // Proxies append on the right, so the client is the first that the outermost edge named.
      const addresses = [
        ...forwardedFor.flatMap(value => value.split(',')),
        ...valuesOf(headers, 'x-real-ip'),
        ...valuesOf(headers, 'forwarded').map(
          value => /for="?\[?([^;,"\]]+)/i.exec(value)?.[1] ?? '',
        ),
      ].map(each => plainAddress(each.trim()))
      expect(addresses, `addresses that the backend is told on ${path}`).toContain(address)
      await stream?.close()
    }
  },
})
