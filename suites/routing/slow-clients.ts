import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { Client } from '../../fixtures/client.ts'
import { heldForLong } from '../../fixtures/faults/routing.ts'
import { TimeSince } from '../../fixtures/moved-clock.ts'
import { inTime, patience } from '../../fixtures/patience.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import type { RawRecord } from '../../fixtures/probes/raw.ts'

/**
 * What nobody needs to wait, in seconds, where the contract promises nothing: several times nginx's own
 * defaults. A slow line takes a minute; an hour is an attack.
 */
const AT_MOST = { head: 300, silence: 600, keepAlive: 900 }

/** How far before and after a promised time is looked, in seconds. */
const MARGIN = 5

/** For as long as the clock says, and no want of patience ends it. */
const HANGS_MS = 30_000

/** Whatever its value is, it is the one to blame: nginx's own default, too. */
const NO_VALUE = /^$/

interface Slow {
  /** What decides it. */
  directive: string
  title: string
  /** Said at once; nothing follows. */
  bytes: string
  /** When the edge has to end it, in seconds. */
  after: number
  /** The contract says so: it must not end before, either. */
  promised: boolean
}

claim('routing/slow-clients', {
  level: ({ requests }) => (isPromised(requests) ? 'must' : 'should'),
  says: 'A client that sends its headers drop by drop, falls silent within a body, or asks nothing more is cut off in time, and none before the promised time.',
  source: { standard: 'CWE-400 (slow requests hold connections); RFC 9110 §15.5.9, RFC 9112 §9.5' },
  arrivesBy: apiArrives,
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['client_header_timeout', 'client_body_timeout', 'keepalive_timeout'],
  },
  brokenBy: heldForLong,

  async check({ ownEdge, contract, evidence, judging }) {
    const edge = await ownEdge()
    const slow = slowClients(contract)
    const time = new TimeSince(edge)
    const held = slow.map(each => ({ ...each, ...opened(edge.client, contract, each.bytes) }))
    await Promise.all(held.map(({ sent }) => sent))
    // The edge has read what came before this.
    await edge.client.http1.request({ path: '/topology-settled', fresh: true })
    const moments = held.flatMap(each => [
      ...(each.promised ? [{ at: each.after - MARGIN, each, isOver: false }] : []),
      { at: each.after + MARGIN, each, isOver: true },
    ])
    for (const { at, each, isOver } of moments.sort((a, b) => a.at - b.at)) {
      await time.reach(at)
      const ended = await inTime(each.ended, isOver ? patience.timerFiresMs : 0, undefined)
      const seen = ended === undefined ? 'open' : `ended (${ended.ended})`
      if (!isOver && ended !== undefined) time.expectBefore(each.after)
      evidence(`${at} s after ${each.title}`, seen)
      const { directive } = each
      judging({
        path: contract.paths.api,
        directives: [directive],
        sound: { [directive]: NO_VALUE },
      })
      expect(seen, `the connection ${at} s after ${each.title}`).toMatch(
        isOver ? /^ended/ : /^open/,
      )
    }
  },
})

function isPromised({ headSeconds, silenceSeconds, keepAliveSeconds }: Contract['requests']) {
  return [headSeconds, silenceSeconds, keepAliveSeconds].some(seconds => seconds !== undefined)
}

function slowClients({ hosts, paths, requests }: Contract): Slow[] {
  const head = (method: string, path: string) =>
    `${method} ${path} HTTP/1.1\r\nHost: ${hosts.primary}\r\n`
  const after = (promised: number | undefined, most: number) => ({
    after: promised ?? most,
    promised: promised !== undefined,
  })
  return [
    {
      directive: 'client_header_timeout',
      title: 'half of its headers',
      bytes: `${head('GET', '/')}X-Drop`,
      ...after(requests.headSeconds, AT_MOST.head),
    },
    {
      directive: 'client_body_timeout',
      title: 'half of its body',
      bytes: `${head('POST', `${paths.api}items`)}Content-Length: 100\r\n\r\n{"half":`,
      ...after(requests.silenceSeconds, AT_MOST.silence),
    },
    {
      directive: 'keepalive_timeout',
      title: 'an answer, and no other request',
      bytes: `${head('GET', '/.topology-none')}\r\n`,
      ...after(requests.keepAliveSeconds, AT_MOST.keepAlive),
    },
  ]
}

/** A connection that stays as it is, until the edge ends it. */
function opened(
  client: Client,
  { hosts, edge }: Contract,
  bytes: string,
): { sent: Promise<unknown>; ended: Promise<RawRecord | undefined> } {
  const written = Promise.withResolvers<void>()
  const ended = client.raw({
    port: edge.port,
    ...(edge.scheme === 'https' && { tls: { host: hosts.primary } }),
    bytes,
    until: 'close',
    withinMs: HANGS_MS,
    onSent: written.resolve,
  })
  return {
    sent: Promise.race([written.promise, ended]),
    ended: ended.then(record => (record.ended === 'timed out' ? undefined : record)),
  }
}
