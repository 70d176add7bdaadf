import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext, OwnTopology } from '../../fixtures/context.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { goneUnnoticed } from '../../fixtures/faults/redeploy.ts'
import { anyPage, apiPath, firstHop } from '../../fixtures/faults/ways.ts'
import { noFrontend, noOpenApi, promises } from '../../fixtures/needs.ts'
import { mayAsk } from '../../fixtures/pace.ts'
import { patience } from '../../fixtures/patience.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import type { HttpRecord } from '../../fixtures/probes/http.ts'
import { askSeveral, EdgeTime } from '../../fixtures/recovery.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import { mostServers } from '../../fixtures/several-servers.ts'
import { steadyTraffic } from '../../fixtures/steady-traffic.ts'

/** What an edge says in place of a service that it cannot reach (RFC 9110 §15.6.3–5). */
const GONE = [502, 503, 504]

/** How far after a limit is looked, in seconds. */
const MARGIN = 5

/** Longest that nginx tries to connect, in seconds, says its documentation; 60 where nothing is written. */
const NGINX_CONNECTS = 75

claim('routing/backend-down', {
  level: 'must',
  says: 'With the backend gone, API requests get 502, 503 or 504 at once, pages still work, and all recovers when it returns.',
  source: { spec: 'Flow Description 4 (API Forwarding); RFC 9110 §15.6' },
  arrivesBy: apiArrives,
  needs: noOpenApi,
  governedBy: {
    path: apiPath,
    directives: ['error_page', 'proxy_intercept_errors', 'proxy_pass'],
    sound: { proxy_intercept_errors: /^off$/ },
  },
  brokenBy: goneUnnoticed,
  drill: true,

  async check(context) {
    const own = await context.ownTopology()
    const drill = { context, own, time: new EdgeTime(own) }
    const hop = firstHop(context.contract)
    await dies(drill, 'backend')
    // Where another service passes the API on, it is that one which the edge itself has to do without.
    if (hop !== 'backend') await dies(drill, hop)
    await vanishes(drill, hop)
    if (promises(context.contract, 'answerSeconds')) await goesSilent(drill, hop)
  },
})

interface Drill {
  context: ClaimContext
  own: OwnTopology
  time: EdgeTime
}

type Service = 'frontend' | 'backend'

/** Its process dies: whoever dials it is refused. */
async function dies(drill: Drill, role: Service): Promise<void> {
  const { context, own } = drill
  const { contract, evidence, judging } = context
  const path = apiPath(contract)
  const hasPages = role === 'backend' && noFrontend(contract) === undefined
  const pagesBefore = hasPages ? await ask(drill, anyPage()) : []
  // Requests that never come here would not miss it.
  await arrives(drill, role)
  // Where the edge counts requests, those that are judged are enough.
  await using traffic = isPaced(drill)
    ? undefined
    : steadyTraffic(() => own.client.http1.request({ path, fresh: true }), outcomeOf)
  await traffic?.next(() => true, patience.answerMs)

  await own[role].die()
  traffic?.mark(`the ${role} is gone`)
  const answers = await ask(drill, path)
  const pages = hasPages ? await ask(drill, anyPage()) : []
  evidence(`API requests, the ${role} gone`, answers.map(told))
  judging({ path })
  for (const { status, protocol } of answers)
    expect(GONE, `status over ${protocol} while the ${role} is gone`).toContain(status)
  if (hasPages) evidence('pages, the backend gone', pages.map(told))
  judging({ path: anyPage() })
  for (const [at, { status, protocol }] of pages.entries())
    expect(status, `a page over ${protocol}, the backend gone`).toBe(pagesBefore[at]?.status)

  await own[role].comeBack()
  traffic?.mark(`the ${role} is back`)
  await recovers(drill, role)
  await traffic?.stop()
  evidence('API requests, second by second', traffic?.story() ?? 'the edge limits requests')
}

/** Its host vanishes: whoever dials it gets no answer at all. */
async function vanishes(drill: Drill, role: Service): Promise<void> {
  const { context, own, time } = drill
  const { contract, evidence } = context
  const path = apiPath(contract)
  await time.rests(context, path)
  await own[role].vanish()
  const pending = own.client.http1.request({ path, fresh: true, withinMs: WHILE_MS })
  const { isOver, soon } = watched(pending)
  if (!(await own[role].isDialled()) && !isOver())
    throw new Error(`the edge neither answers nor dials the ${role}`)
  const seconds = connectSeconds(context) + MARGIN
  if (!isOver()) await time.passes(seconds)
  const answer = await soon()
  const within = `${connectSeconds(context)} s after it could not be connected to`
  evidence(`the ${role} vanished: the answer within ${within}`, answer ? told(answer) : 'none')
  if (!GONE.includes(answer?.status ?? 0)) blames(drill, path, 'proxy_connect_timeout')
  expect(GONE, `status within ${within}, the ${role} vanished`).toContain(answer?.status)

  await own[role].comeBack()
  await recovers(drill, role)
}

/** Its host vanishes while it works: nobody ends the connection. */
async function goesSilent(drill: Drill, role: Service): Promise<void> {
  const { context, own, time } = drill
  const { contract, evidence, nonce } = context
  const { answerSeconds } = contract.limits
  const path = apiPath(contract)
  await time.rests(context, path)
  const id = nonce()
  await own[role].steer(id, { hold: true })
  const pending = own.client.http1.request({ path, nonce: id, fresh: true, withinMs: WHILE_MS })
  const { soon } = watched(pending)
  await own[role].request(id)
  await own.engine.unplug(own.topology[role].id)
  await time.passes(answerSeconds + MARGIN)
  const answer = await soon()
  const when = `${answerSeconds + MARGIN} s after the request`
  evidence(`the ${role} vanished amid a request: ${when}`, answer ? told(answer) : 'no answer')
  if (answer?.status !== 504) blames(drill, path, 'proxy_read_timeout')
  expect(answer?.status, `status ${when}, the ${role} vanished amid it`).toBe(504)
}

/** How long nginx may try to connect, in seconds. Who promises no time for it, has promised one for answers. */
function connectSeconds(context: ClaimContext): number {
  const { contract } = context
  const { limits } = contract
  return promises(contract, 'connectSeconds')
    ? limits.connectSeconds
    : // Each server of an upstream may be tried.
      Math.max(limits.answerSeconds, NGINX_CONNECTS * mostServers(context))
}

/** Longer than it takes to move a clock and look: it is the clock that ends these requests. */
const WHILE_MS = 2 * (patience.arrivesMs + patience.timerFiresMs + patience.answerMs)

/** Whether a request is over, and its answer if it comes soon. */
function watched(pending: Promise<HttpRecord>) {
  let over = false
  void pending.finally(() => {
    over = true
  })
  const soon = () => {
    const late = new Promise<undefined>(resolve => {
      setTimeout(resolve, patience.timerFiresMs, undefined).unref()
    })
    return Promise.race([pending, late])
  }
  return { isOver: () => over, soon }
}

async function recovers({ context, own, time }: Drill, role: Service): Promise<void> {
  const { contract, evidence, judging } = context
  const { redeploySeconds } = contract.limits
  const path = apiPath(contract)
  const seen: string[] = []
  const after = await time.untilContent(async seconds => {
    const { outcomes, reached } = await askSeveral(context, own.client, path, own.backend)
    seen.push(`+${seconds} s: ${outcomes}`)
    return reached
  }, redeploySeconds)
  evidence(`API requests, the ${role} back again`, seen)
  judging({ path, directives: ['resolver', 'proxy_pass'] })
  expect(after, `seconds until all works, the ${role} back again`).toBeDefined()
}

/** Asks for a path over each protocol, as far as the edge lets one client ask at once. */
async function ask({ context, own, time }: Drill, path: string): Promise<HttpRecord[]> {
  await time.rests(context, path)
  const clients = own.client.both.slice(0, mayAsk(context, path))
  return Promise.all(
    clients.map(client => client.request({ path, fresh: true, withinMs: patience.answerMs })),
  )
}

/** An API request passes this service. */
async function arrives({ context, own, time }: Drill, role: Service): Promise<void> {
  const path = apiPath(context.contract)
  await time.rests(context, path)
  const id = context.nonce()
  void own.client.http1.request({ path, nonce: id, fresh: true })
  await own[role].request(id)
}

function isPaced({ context }: Drill): boolean {
  return mayAsk(context, apiPath(context.contract)) < Number.POSITIVE_INFINITY
}

/** Names the line that decides how long the edge waits, or the block in which one is missing. */
function blames({ context }: Drill, path: string, directive: string): void {
  context.judging({ path, directives: [directive] })
  const scope = scopeOf(context, path)
  if (scope === undefined) return
  const { directives } = effective(scope, directive)
  for (const { at, name, text } of directives.length > 0 ? directives : [scope.directive])
    context.blame(at, name, text)
}

function told(answer: HttpRecord): string {
  return `${outcomeOf(answer)} over ${answer.protocol}, ${Math.round(answer.timings.totalMs)} ms`
}
