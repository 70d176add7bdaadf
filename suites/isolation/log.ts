import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { isGone } from '../../fixtures/edge-answers.ts'
import { secretsLogged } from '../../fixtures/faults/log.ts'
import { anyOf, type Need, noOpenApi } from '../../fixtures/needs.ts'
import { lookUntil, patience } from '../../fixtures/patience.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { scopeOf } from '../../fixtures/scope.ts'

const ID = 'isolation/log-without-secrets'

/** Files that end in the container's own log. */
const SEEN = ['/var/log/nginx/access.log', '/dev/stdout', '/dev/stderr']

const unseen: Need = (contract, facts) => {
  if (contract.promises.includes(ID)) return undefined
  const scope = scopeOf({ contract, facts }, `${contract.paths.api}users`)
  const written = scope === undefined ? [] : effective(scope, 'access_log').directives
  return written.some(({ args: [file = '', format] }) => SEEN.includes(file) && format)
    ? undefined
    : 'the configuration logs in no format of its own where it could be seen'
}

claim(ID, {
  level: 'should',
  says: 'What the edge logs of a request holds neither its cookies nor its authorization (and, where that is promised, not its query either, and every request is logged).',
  source: { standard: 'CWE-532 (secrets in log files)' },
  arrivesBy: apiArrives,
  needs: anyOf(noOpenApi, unseen),
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['access_log'],
    // Nginx's own format has the query.
    sound: { access_log: /^$/ },
  },
  brokenBy: secretsLogged,

  async check({ client, contract, engine, topology, nonce, evidence, judging }) {
    const isPromised = contract.promises.includes(ID)
    const [seen, cookie, token, query] = [nonce(), nonce(), nonce(), nonce()]
    const path = `${contract.paths.api}logged-${seen}`
    const answer = await client.http1.request({
      path: `${path}?token=${query}`,
      headers: { cookie: `session=${cookie}`, authorization: `Bearer ${token}` },
    })
    const lines = await lookUntil(
      async () => linesWith(await engine.edgeLog(topology.edge.id), seen),
      patience.arrivesMs,
    )
    const secrets = { 'its cookie': cookie, 'its authorization': token }
    const written = Object.entries(isPromised ? { ...secrets, 'its query': query } : secrets)
      .filter(([, secret]) => lines?.some(line => line.includes(secret)))
      .map(([name]) => name)
    evidence(`what the log says of ${contract.paths.api}logged-…`, {
      lines: lines?.length ?? 0,
      'with what nobody should read': written.join(', ') || 'nothing',
    })
    // Of a service that it does not reach the edge complains, with all that was asked.
    judging({ path, lost: isGone(answer) })
    if (isPromised) expect(lines?.length ?? 0, 'lines of the log about it').toBeGreaterThan(0)
    expect(written, 'what of the request the log holds').toEqual([])
  },
})

/** The lines of a log that speak of a request; undefined while there are none. */
function linesWith(log: string, text: string): string[] | undefined {
  const lines = log.split('\n').filter(line => line.includes(text))
  return lines.length === 0 ? undefined : lines
}
