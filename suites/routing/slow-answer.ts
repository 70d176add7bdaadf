import { expect } from 'vitest'
import { bodyLimit } from '../../fixtures/body-limit.ts'
import { broken, inForce } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClientRequest } from '../../fixtures/client.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { anyPage, firstHop } from '../../fixtures/faults/ways.ts'
import { TimeSince } from '../../fixtures/moved-clock.ts'
import { anyOf, noFrontend, noOpenApi, promisedLevel, promises } from '../../fixtures/needs.ts'
import { inTime, patience } from '../../fixtures/patience.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { usualMethod } from '../../fixtures/platform/usual-method.ts'
import { apiArrives, pagesArrive } from '../../fixtures/prerequisites.ts'
import type { HttpRecord } from '../../fixtures/probes/http.ts'
import { Unmet } from '../../fixtures/unmet.ts'
import type { Steering } from '../../stubs/protocol.ts'

/** How far before and after the contracted time is looked, in seconds. */
const MARGIN = 5

/** A request that hangs for as long as the clock says must not be given up for want of patience. */
const HANGS_MS = 30_000

const readTimeout = inForce('proxy_read_timeout', { path: ({ paths }) => `${paths.api}reports` })

const pageTimeout = inForce('proxy_read_timeout', { path: anyPage })
const sendTimeout = inForce('proxy_send_timeout', { path: ({ paths }) => `${paths.api}reports` })

claim('routing/slow-answer', {
  // Sixty seconds are the specification's; another platform's own time is a decision, and worth a word.
  level: promisedLevel('answerSeconds'),
  says: 'An ordinary API request that hangs ends with 504 at the contracted time, and not before.',
  source: { spec: 'Flow Description 4 (API Forwarding); RFC 9110 §15.6.5' },
  arrivesBy: apiArrives,
  needs: noOpenApi,
  governedBy: {
    path: ({ paths }) => `${paths.api}reports`,
    directives: ['proxy_read_timeout'],
    limit: 'answerSeconds',
  },
  brokenBy: [
    broken('five minutes', readTimeout.set('300s')),
    broken('as long as a stream', readTimeout.set('24h')),
    broken('ten seconds', readTimeout.set('10s')),
  ],

  async check(context) {
    const { contract } = context
    const { api, login } = contract.paths
    const hanging = [
      { path: `${api}reports`, method: usualMethod(contract, api) },
      // A location of its own may well have a time of its own; it is a decision where none is contracted.
      ...(noContractedTime(contract) === undefined ? [{ path: login, method: 'POST' }] : []),
    ]
    await endsInTime(context, hanging, { hold: true }, 'backend')
  },
})

claim('routing/slow-page', {
  level: 'should',
  says: 'A page that hangs ends with 504 at the contracted time, and not before.',
  source: { standard: 'RFC 9110 §15.6.5' },
  arrivesBy: pagesArrive,
  needs: anyOf(noFrontend, noContractedTime),
  governedBy: {
    path: () => '/reports',
    directives: ['proxy_read_timeout'],
    limit: 'answerSeconds',
  },
  brokenBy: [
    broken('five minutes', pageTimeout.set('300s')),
    broken('ten seconds', pageTimeout.set('10s')),
  ],

  async check(context) {
    await endsInTime(context, [{ path: '/reports', method: 'GET' }], { hold: true }, 'frontend')
  },
})

/** More than any socket takes on its own account. */
const UNTAKEN_BYTES = 8 * 1024 * 1024

claim('routing/slow-upload', {
  level: 'should',
  says: 'An upload that a service stops taking ends with 504 at the contracted time, and not before.',
  source: { standard: 'RFC 9110 §15.6.5' },
  arrivesBy: apiArrives,
  needs: anyOf(noOpenApi, noContractedTime),
  governedBy: {
    path: ({ paths }) => `${paths.api}reports`,
    directives: ['proxy_send_timeout'],
    limit: 'answerSeconds',
  },
  brokenBy: [
    broken('an hour', sendTimeout.set('1h')),
    broken('five seconds', sendTimeout.set('5s')),
  ],

  async check(context) {
    const { contract } = context
    const bytes = Math.min(UNTAKEN_BYTES, bodyLimit(context) ?? UNTAKEN_BYTES)
    const body = Buffer.alloc(bytes, 'b')
    const upload = { path: `${contract.paths.api}reports`, method: 'POST', body }
    await endsInTime(context, [upload], { unread: true }, firstHop(contract))
  },
})

/** Who writes no number has contracted no time for anything but the specification's own sentence. */
function noContractedTime(contract: Contract): string | undefined {
  return promises(contract, 'answerSeconds')
    ? undefined
    : 'the platform contracts no time after which a request ends'
}

interface Hanging {
  title: string
  path: string
  pending: Promise<HttpRecord>
  /** The edge's port towards the service. */
  peerPort: number
  /** Once it is there. */
  answer?: HttpRecord
}

/** Holds requests at a service, and moves the clock past the contracted time. */
async function endsInTime(
  context: ClaimContext,
  hanging: ClientRequest[],
  steering: Steering,
  role: 'frontend' | 'backend',
): Promise<void> {
  const { ownEdge, contract, nonce, evidence, judging, ...actors } = context
  const { answerSeconds } = contract.limits
  const edge = await ownEdge()
  const actor = actors[role]
  const time = new TimeSince(edge)
  const asked: Hanging[] = []
  for (const request of hanging) {
    const id = nonce()
    await actor.steer(id, steering)
    const body = request.method === 'POST' ? '{}' : undefined
    const pending = edge.client.http1.request({
      ...{ body, ...request },
      nonce: id,
      withinMs: HANGS_MS,
    })
    const title = `${request.method} ${request.path}`
    // The edge may turn some away, and hand others to whom it likes.
    const [arrived] = await Promise.race([actor.arrivals(id), pending.then(() => [])])
    if (arrived === undefined) {
      evidence(title, `reached no ${role}`)
      continue
    }
    const each: Hanging = { title, path: request.path, pending, peerPort: arrived.peer.port }
    void pending.then(answer => {
      each.answer = answer
    })
    asked.push(each)
  }
  if (asked.length === 0) throw new Unmet(`a request to reach the ${role}`, 'none', true)
  // What was sent before this has come as far as it will, and what was due has been done after it.
  const settle = () => edge.client.http1.request({ path: '/topology-settled', fresh: true })
  await settle()
  const taken = () => takenOf(asked, context, role)
  const before = steering.unread ? await taken() : undefined
  await time.reach(answerSeconds - MARGIN)
  await settle()
  for (const { path, title, answer } of asked) {
    const seen = answer === undefined ? 'no answer yet' : outcomeOf(answer)
    evidence(`${title}, ${answerSeconds - MARGIN} s after it`, seen)
    judging({ path })
    if (answer !== undefined) time.expectBefore(answerSeconds)
    expect(seen, `${title}, before ${answerSeconds} s are over`).toBe('no answer yet')
  }
  await time.reach(answerSeconds + MARGIN)
  for (const [at, { path, title, pending }] of asked.entries()) {
    let answer = await inTime(pending, patience.timerFiresMs, undefined)
    let after = answerSeconds + MARGIN
    // What the kernel passed on after all, when it asked once more, was a sign of life: the time begins anew.
    if (answer === undefined && before && before[at] !== (await taken())[at]) {
      evidence(
        `${title}, ${after} s after it`,
        'no answer yet; some more of it was taken meanwhile',
      )
      after += answerSeconds + MARGIN
      await time.reach(after)
      answer = await inTime(pending, patience.timerFiresMs, undefined)
    }
    const seen = answer === undefined ? 'no answer yet' : outcomeOf(answer)
    evidence(`${title}, ${after} s after it`, seen)
    judging({ path })
    expect(answer?.status, `status of ${title} after ${after} s`).toBe(504)
  }
}

/** How much of each has come as far as the service's own machine. */
function takenOf(
  asked: Hanging[],
  { topology, engine }: ClaimContext,
  role: 'frontend' | 'backend',
): Promise<number[]> {
  const services = role === 'backend' ? topology.backends : [topology.frontend]
  return Promise.all(
    asked.map(async ({ peerPort }) => {
      const unread = services.map(({ id }) => engine.unreadBytes(id, peerPort))
      return (await Promise.all(unread)).reduce((sum, bytes) => sum + bytes, 0)
    }),
  )
}
