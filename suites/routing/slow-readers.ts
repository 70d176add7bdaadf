import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { servicesHeld } from '../../fixtures/faults/routing.ts'
import { anyOf, noFrontend, noOpenApi } from '../../fixtures/needs.ts'
import { lookUntil, patience } from '../../fixtures/patience.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { NONCE_HEADER } from '../../stubs/protocol.ts'

const ID = 'routing/frees-services'

/** More than all sockets on the way take together. */
const ANSWER_BYTES = 64 * 1024 * 1024

claim(ID, {
  level: 'should',
  says: 'A client that reads slowly, or not at all, holds no service: the edge takes ordinary answers over.',
  source: { standard: 'CWE-400 (slow readers hold whoever answers them)' },
  arrivesBy: requestsArrive,
  // Whoever streams pages as they are rendered may have chosen otherwise.
  needs: ({ promises }) =>
    promises.includes(ID)
      ? undefined
      : 'the contract does not promise that the edge takes answers over',
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['proxy_buffering', 'proxy_max_temp_file_size'],
    sound: { proxy_buffering: /^on$/, proxy_max_temp_file_size: /^[1-9]/ },
  },
  brokenBy: servicesHeld,

  async check(context) {
    const { client, contract, nonce, evidence, judging, ...actors } = context
    const { edge, hosts, paths } = contract
    const asked = [
      { path: '/export', role: 'frontend' as const, needs: noFrontend },
      { path: `${paths.api}export`, role: 'backend' as const, needs: anyOf(noOpenApi) },
    ].filter(({ needs }) => needs(contract, context.facts) === undefined)
    for (const { path, role } of asked) {
      const id = nonce()
      await actors[role].steer(id, { status: 200, bodyBytes: ANSWER_BYTES })
      const gone = new AbortController()
      const reading = client.raw({
        port: edge.port,
        ...(edge.scheme === 'https' && { tls: { host: hosts.primary } }),
        bytes: `GET ${path} HTTP/1.1\r\nHost: ${hosts.primary}\r\n${NONCE_HEADER}: ${id}\r\n\r\n`,
        unread: true,
        signal: gone.signal,
      })
      let isReached = false
      const done = await lookUntil(async () => {
        const [record] = await actors[role].requests(id)
        isReached ||= record !== undefined
        return record?.finishedAt === undefined ? undefined : record
      }, patience.takenOverMs)
      gone.abort()
      await reading
      const seen = done === undefined ? 'still held by it' : 'done with it'
      evidence(`the ${role}, of ${path} that nobody reads`, seen)
      judging({ path, lost: !isReached })
      expect(seen, `the ${role}, of ${path} that nobody reads`).toBe('done with it')
    }
  },
})
