import { expect } from 'vitest'
import { misbehaving } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext, OwnTopology } from '../../fixtures/context.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { sslMode } from '../../fixtures/faults/database.ts'
import { apiPath } from '../../fixtures/faults/ways.ts'
import { anyOf, noDatabase, noOpenApi } from '../../fixtures/needs.ts'
import { mayAsk } from '../../fixtures/pace.ts'
import { lookUntil, patience } from '../../fixtures/patience.ts'
import { databaseLevel } from '../../fixtures/platform/database-promise.ts'
import type { HttpRecord } from '../../fixtures/probes/http.ts'
import type { SqlProbe } from '../../fixtures/probes/sql.ts'
import { EdgeTime } from '../../fixtures/recovery.ts'
import { steadyTraffic } from '../../fixtures/steady-traffic.ts'

/** The query that is under way when the database goes would take so many seconds. */
const LONG_QUERY = 600

/** How the database goes, and comes back, in words. */
const ENDS = {
  ordered: 'the database has ended all sessions and started again',
  crash: 'the database has crashed and started again',
} as const

claim('database/recovers', {
  level: databaseLevel,
  says: 'After the database restarts, and cuts a session amid a query, requests work again without a restart of the backend, encrypted as before.',
  source: { spec: 'Flow Description 6 (Database Operations); Database Connection' },
  restsOn: ['database/encrypted'],
  needs: anyOf(noDatabase, noOpenApi),
  hangsOn: ['database.host', 'database.sslMode'],
  governedBy: {
    compose: ({ backend, database }) => ({
      service: backend.service,
      keys: [`environment.${database?.variable}`, 'environment'],
    }),
  },
  brokenBy: [
    misbehaving('a pool that keeps dead connections', { STUB_POOL: 'keeps-dead' }),
    sslMode('disable'),
  ],
  drill: true,

  async check(context) {
    const own = await context.ownTopology({ database: true })
    const drill: Drill = { context, own, path: apiPath(context.contract), time: new EdgeTime(own) }
    const ask = await asker(drill, 0)
    const works = async () => {
      await drill.time.rests(context, drill.path)
      return (await ask()).status === 200 || undefined
    }
    expect(await works(), 'a request that needs the database works').toBe(true)
    await expectEncrypted(drill, own.database)

    let { database } = own
    for (const how of ['ordered', 'crash'] as const) {
      const { pending } = await longQuery(drill, database)
      // Where the edge counts requests, those that are judged are enough.
      const isPaced = mayAsk(context, drill.path) < Number.POSITIVE_INFINITY
      await using traffic = isPaced ? undefined : steadyTraffic(ask, outcomeOf)
      await traffic?.next(() => true, patience.answerMs)
      database = await own.restartDatabase(how)
      traffic?.mark(ENDS[how])
      const recovered = await lookUntil(works, patience.answerMs)
      await traffic?.stop()
      context.evidence(
        'requests, second by second',
        traffic?.story() ?? 'none beside those judged, for the edge limits them',
      )
      context.evidence('the request whose query was under way', outcomeOf(await pending))
      expect(recovered, `requests work again: ${ENDS[how]}`).toBe(true)
      await expectEncrypted(drill, database)
    }
  },
})

interface Drill {
  context: ClaimContext
  own: OwnTopology
  path: string
  time: EdgeTime
}

/** Makes requests that the backend answers with the database's help: 503 when there is none. */
async function asker(
  { context, own, path }: Drill,
  querySeconds: number,
): Promise<() => Promise<HttpRecord>> {
  const nonce = context.nonce()
  await own.backend.steer(nonce, { querySeconds })
  return () => own.client.http1.request({ path, nonce, fresh: true })
}

/** A request whose query the database is carrying out; still under way. */
async function longQuery(
  drill: Drill,
  database: SqlProbe,
): Promise<{ pending: Promise<HttpRecord> }> {
  const { context, path, time } = drill
  await time.rests(context, path)
  const pending = (await asker(drill, LONG_QUERY))()
  const isBusy = async () => (await backendsOf(database)).some(({ isBusy }) => isBusy) || undefined
  if ((await lookUntil(isBusy, patience.arrivesMs)) === undefined)
    throw new Error('no query of the backend reaches the database')
  return { pending }
}

async function expectEncrypted({ context }: Drill, database: SqlProbe): Promise<void> {
  const backends = await backendsOf(database)
  const kinds = new Set(backends.map(({ ssl, version }) => (ssl ? `${version}` : 'in plain text')))
  context.evidence(
    "the backend's connections, says the server",
    `${backends.length}, ${[...kinds].join(' and ')}`,
  )
  expect(backends.length, "the backend's connections, says the server").toBeGreaterThan(0)
  for (const { ssl, version } of backends) {
    expect(ssl, 'encrypted, says the server').toBe(true)
    expect(version, 'version, says the server').toMatch(/^TLSv1\.[23]$/)
  }
}

async function backendsOf(database: SqlProbe) {
  const { connections } = await database.encryption()
  return connections.filter(({ applicationName }) => applicationName === 'backend')
}
