import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { OwnEdge } from '../../fixtures/context.ts'
import { fewConnections } from '../../fixtures/faults/sse.ts'
import { anyOf, type Need, noStream, streamPath } from '../../fixtures/needs.ts'
import { limitsAt } from '../../fixtures/pace.ts'
import { lookUntil, patience } from '../../fixtures/patience.ts'
import type { Directive } from '../../fixtures/platform/nginx/tree.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import type { Member } from '../../fixtures/probes/crowd.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

/** Words of nginx that tell what it ran out of, and the directive that decides how much of it there is. */
const SHORTAGES: [RegExp, string][] = [
  [/worker_connections are not enough/, 'worker_connections'],
  [/Too many open files/, 'worker_rlimit_nofile'],
  [/limiting connections/, 'limit_conn'],
  [/no memory|Cannot allocate memory/, ''],
]

/** Failures of this machine and not of the edge. */
const OWN_FAILURES = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS'])

/** Connections of a worker where nothing is written: nginx's own default. */
const USUAL_CONNECTIONS = 512

/** A key of these says nothing of the client: what it limits, it limits for all. */
const FOR_ALL =
  /\$\{?(?:server_name|server_addr|server_port|host|http_host|scheme|uri|document_uri|request_uri|request_method)\b\}?/g

claim('sse/capacity', {
  level: 'should',
  says: 'The contracted number of event streams is held at once, and each gets its own event.',
  source: { spec: 'SSE Configuration' },
  arrivesBy: apiArrives,
  drill: true,
  needs: anyOf(noStream, limitedEach),
  governedBy: { path: streamPath, directives: ['limit_conn'], limit: 'streams' },
  brokenBy: fewConnections,

  async check({ ownEdge, backend, contract, facts, nonce, blame, judging, evidence }) {
    const { streams } = contract.limits
    const id = nonce()
    const edge = await ownEdge()
    await using crowd = edge.client.crowd({ path: streamPath(contract), nonce: id })
    await crowd.growTo(streams)
    const told = await backend.publishTargets(id)
    const answered = crowd.members.filter(({ status }) => status === 200)
    // How fast an event is, is for sse/unbuffered-h1: here the machine is busy with this very claim.
    await crowd.until(answered, member => hasItsOwn(member) || !member.open)
    const held = answered.filter(member => member.open && hasItsOwn(member))
    evidence('streams held at once, each with its own event', `${held.length} of ${streams}`)
    evidence('streams that the backend held', told)
    const [broken] = crowd.members.filter(member => !held.includes(member))
    if (broken !== undefined) {
      const own = crowd.members.find(({ failure }) => OWN_FAILURES.has(failure?.code ?? ''))
      if (own !== undefined)
        throw new Error(`this machine opens no more than ${held.length} streams: ${inWords(own)}`)
      evidence(`the first that broke, ${broken.target.split('=').at(-1)}`, inWords(broken))
      const { line, directive } = await shortage(edge)
      evidence("the edge's own words", line)
      // One that was shut out is closed, or its edge says what it ran out of; that an event comes in time is sse/unbuffered-h1.
      if (directive === undefined && crowd.members.every(({ open }) => open))
        throw new Error(`given up while every stream was open, the first as ${inWords(broken)}`)
      const places = placesOf(directive ?? scarce(streams, facts), facts.configuration.directives)
      for (const { at, name, text } of places) blame(at, name, text)
      // What ran out is known by now: no line of the stream's location has a part in it.
      if (places.length > 0) judging({ path: streamPath(contract), directives: [] })
    }
    expect(held.length, 'streams held at once, each with its own event').toBe(streams)
  },
})

/** The directives of a name; where there is none, the `events` block, in which the number of connections belongs. */
function placesOf(wanted: string | undefined, directives: readonly Directive[]): Directive[] {
  const found = every(directives).filter(({ name }) => name === wanted)
  if (found.length > 0 || wanted === undefined) return found
  return directives.filter(({ name }) => name === 'events')
}

/** What the files grant too little of, where the edge's log is silent: a stream takes two connections of a worker. */
function scarce(streams: number, { configuration }: PlatformFacts): string | undefined {
  const [written] = every(configuration.directives).filter(
    ({ name }) => name === 'worker_connections',
  )
  const held = Number(written?.args[0] ?? USUAL_CONNECTIONS)
  return held < 2 * streams ? 'worker_connections' : undefined
}

/** One event, whole, of the request that opened this very stream: its path may be another at the backend, its query is not. */
function hasItsOwn({ body, target }: Member): boolean {
  const [query] = target.match(/member=\d+$/) ?? []
  return body.lastIndexOf('data: ') === 0 && body.endsWith(`${query}\n\n`)
}

/** Why the edge broke, as its log has it. */
async function shortage({ log }: OwnEdge): Promise<{ line: string; directive?: string }> {
  const found = await lookUntil(async () => {
    const lines = (await log()).split('\n')
    return SHORTAGES.flatMap(([words, directive]) =>
      lines.filter(line => words.test(line)).map(line => ({ line, directive })),
    )[0]
  }, patience.arrivesMs)
  return found ?? { line: 'nothing of connections, files or memory in its log' }
}

function inWords({ open, status, body, failure }: Member): string {
  const parts = [
    status === undefined ? 'no answer' : `status ${status}`,
    status === 200 ? `${body.length} bytes` : undefined,
    failure && `${failure.code}: ${failure.message}`,
    open ? 'open' : 'closed',
  ]
  return parts.filter(part => part !== undefined).join(', ')
}

/**
 * All streams here come from one address, and one client. An edge that limits what each client may open, or how
 * fast, is right to refuse them; that says nothing of how many clients it can serve.
 */
function limitedEach(...[contract, facts]: Parameters<Need>): string | undefined {
  const { streams } = contract.limits
  const zones = every(facts.configuration.directives).filter(
    ({ name }) => name === 'limit_conn_zone',
  )
  const isForAll = (zone: string) =>
    zones.some(
      ({ args: [key = '', named = ''] }) =>
        named.startsWith(`zone=${zone}:`) && !key.replace(FOR_ALL, '').includes('$'),
    )
  const limit = limitsAt({ contract, facts }, streamPath(contract)).find(
    ({ directive: { name, args }, atOnce }) =>
      atOnce < streams && !(name === 'limit_conn' && isForAll(args[0] ?? '')),
  )
  return (
    limit &&
    `the edge lets one client open fewer than ${streams} streams at once (${limit.directive.text}), and all streams here are of one`
  )
}
