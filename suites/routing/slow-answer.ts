import { expect } from 'vitest'
import { broken, inForce } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import { expectClockMoved } from '../../fixtures/clock-proof.ts'
import { noOpenApi, promisesLimit } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'

/** How far before and after the contracted time is looked, in seconds. */
const MARGIN = 5

const readTimeout = inForce('proxy_read_timeout', { path: ({ paths }) => `${paths.api}reports` })

claim('routing/slow-answer', {
  // Sixty seconds are the specification's; another platform's own time is a decision, and worth a word.
  level: (contract, facts) => (promisesLimit(contract, facts, 'answerSeconds') ? 'must' : 'should'),
  says: 'An ordinary API request that hangs ends with 504 at the contracted time, and not before.',
  source: { spec: 'Flow Description 4 (API Forwarding); RFC 9110 §15.6.5' },
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

  async check({ ownEdge, backend, contract, nonce, evidence }) {
    const { answerSeconds } = contract.limits
    const { client, moveClock, ...rest } = await ownEdge()
    const edge = { client, moveClock, ...rest }
    const id = nonce()
    await backend.steer(id, { hold: true })
    const pending = client.http1.request({
      path: `${contract.paths.api}reports`,
      nonce: id,
      withinMs: 30_000,
    })
    let answered = false
    void pending.finally(() => {
      answered = true
    })
    await backend.request(id)
    await moveClock(answerSeconds - MARGIN)
    await expectClockMoved(edge, answerSeconds - MARGIN)
    evidence(
      `${answerSeconds - MARGIN} s after the request`,
      answered ? (await pending).status : 'no answer yet',
    )
    expect(answered, `answered before ${answerSeconds} s`).toBe(false)
    await moveClock(answerSeconds + MARGIN)
    const late = new Promise<undefined>(resolve =>
      setTimeout(resolve, patience.timerFiresMs, undefined).unref(),
    )
    const answer = await Promise.race([pending, late])
    evidence(
      `${answerSeconds + MARGIN} s after the request`,
      answer === undefined ? 'no answer yet' : (answer.status ?? answer.error),
    )
    expect(answer?.status, `status ${answerSeconds + MARGIN} s after the request`).toBe(504)
  },
})
