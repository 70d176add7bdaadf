import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { noRoom } from '../../fixtures/faults/running.ts'
import { anyOf, noStream, promises } from '../../fixtures/needs.ts'
import type { Directive } from '../../fixtures/platform/nginx/tree.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'

/** What a process may open where nobody says otherwise: systemd's limit, and so that of many an engine. */
const USUAL_DESCRIPTORS = 1024

/** nginx's own default. */
const USUAL_CONNECTIONS = 512

/** A client's, and one to whoever serves it. */
const PER_STREAM = 2

claim('sse/room-for-streams', {
  level: 'should',
  says: 'One worker has the connections for all contracted streams, two for each, and the file descriptors for them.',
  source: { standard: 'nginx documentation, worker_connections and worker_rlimit_nofile' },
  needs: anyOf(noStream, contract =>
    promises(contract, 'streams') ? undefined : 'the platform promises no number of streams',
  ),
  governedBy: { directives: ['worker_connections', 'worker_rlimit_nofile'] },
  brokenBy: noRoom,

  async check({ contract, facts, blame, evidence }) {
    const { directives } = facts.configuration
    const [connections] = every(directives).filter(({ name }) => name === 'worker_connections')
    const [descriptors] = directives.filter(({ name }) => name === 'worker_rlimit_nofile')
    const held = numberOf(connections) ?? USUAL_CONNECTIONS
    const edge = facts.compose?.services.find(({ name }) => name === contract.edge.service)
    const isRaised = Object.keys(edge?.positions ?? {}).some(key => /^ulimits\b/.test(key))
    const open = numberOf(descriptors) ?? (isRaised ? held : USUAL_DESCRIPTORS)
    evidence('connections of a worker (read)', held)
    evidence('file descriptors of a worker (read)', open)
    const needed = PER_STREAM * contract.limits.streams
    const events = directives.find(({ name }) => name === 'events')
    const [entry] = facts.configuration.sources
    const place = held < needed ? (connections ?? events) : descriptors
    if (place !== undefined) blame(place.at, place.name, place.text)
    else if (entry !== undefined)
      // The main level has no head of its own.
      blame({ file: entry, line: 1, column: 1 }, 'worker_rlimit_nofile', 'not written')
    // Whichever worker wakes first takes a connection: they do not share them out evenly.
    expect(
      held,
      `connections of a worker, for ${contract.limits.streams} streams`,
    ).toBeGreaterThanOrEqual(needed)
    // A number that is written is meant for all connections: nginx itself warns of a smaller one. Where none is,
    // engines differ, and only what the streams need is asked of the least of them.
    const wanted = descriptors === undefined ? needed : held
    expect(open, `file descriptors of a worker, for ${wanted} connections`).toBeGreaterThanOrEqual(
      wanted,
    )
  },
})

function numberOf(directive: Directive | undefined): number | undefined {
  const [text] = directive?.args ?? []
  return text === undefined ? undefined : Number(text)
}
