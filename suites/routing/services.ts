import { expect } from 'vitest'
import { all, broken, inLocation } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { anyPage, apiPath } from '../../fixtures/faults/ways.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { nearest } from '../../fixtures/platform/nearest-word.ts'
import { followRequest } from '../../fixtures/platform/nginx/request-way.ts'
import type { Directive } from '../../fixtures/platform/nginx/tree.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'
import { namesOf } from '../../fixtures/platform/service-facts.ts'
import { everyUpstream, type Upstream } from '../../fixtures/platform/upstreams.ts'
import { usualMethod } from '../../fixtures/platform/usual-method.ts'
import type { HttpRecord } from '../../fixtures/probes/http.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import { unknownServers } from '../../fixtures/unknown-servers.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'
import { passingOn } from '../../fixtures/ways-inwards.ts'
import type { RequestRecord } from '../../stubs/protocol.ts'

/** Hands a request to a name that no platform has; nginx looks it up when the request comes. */
const toNobody = 'set $nobody no-such-service; proxy_pass http://$nobody:3000;'

claim('routing/services-answer', {
  level: 'must',
  says: 'Whatever the configuration hands on is answered: each service that it names exists, and is reached.',
  source: { spec: 'Flow Description 3 (Frontend Processing); Flow Description 4 (API Forwarding)' },
  arrivesBy: ['isolation/one-network'],
  needs: (_, { configuration }) =>
    everyUpstream(configuration).length === 0
      ? 'the configuration hands nothing on to another server'
      : undefined,
  governedBy: { path: ({ paths }) => `${paths.api}users`, directives: passingOn },
  brokenBy: [
    broken('the API handed to nobody', inLocation(apiPath).holds(toNobody)),
    broken('pages handed to nobody', inLocation(anyPage).holds(toNobody)),
    broken(
      'both handed to nobody',
      all(inLocation(apiPath).holds(toNobody), inLocation(anyPage).holds(toNobody)),
    ),
  ],

  async check(context) {
    const { contract, facts, engine, topology, blame, judging, evidence } = context
    const missing: string[] = []
    for (const { host, port, at } of unknownServers(facts, contract.edge.service)) {
      const dialled = await engine.dial(topology.edge.id, host, port)
      evidence(`connecting from the edge to ${host}:${port}`, dialled)
      if (dialled.reached) continue
      missing.push(`${host}:${port}`)
      const near = nearest(host, facts.compose?.services.flatMap(namesOf) ?? [])
      if (near !== undefined) evidence(`a name like ${host} in the compose file`, near)
      for (const each of giving(host, facts)) blame(each.at, each.name, each.text)
      blame(at, 'proxy_pass', `${host}:${port}`)
    }
    // Only who knows the platform can say which service was meant, or is to be started.
    if (missing.length > 0) judging({ directives: [] })
    expect(missing, 'servers that no service of the compose file is').toEqual([])
    for (const path of ['/', `${contract.paths.api}users`, contract.paths.login]) {
      const method = path === contract.paths.login ? 'POST' : usualMethod(contract, path)
      const { answer, passed } = await ask(context, path, method)
      evidence(`${method} ${path}`, `${outcomeOf(answer)}; ${passed.length} services reached`)
      judging({ path, method, lost: passed.length === 0 })
      const servers = handedTo(context, path, method)
      // TLS to a service that expects none reaches it: `tls/terminates-at-edge` tells.
      const isHandedOn = servers.length > 0 && !servers.some(({ tls }) => tls)
      const isUnanswered = isHandedOn && passed.length === 0
      if (isUnanswered && (answer.status === 502 || answer.status === 504))
        expect(
          `nobody: ${outcomeOf(answer)}`,
          `who answers ${method} ${path}, handed to ${servers.map(inWords).join(', ')}`,
        ).toBe('that service')
    }
  },
})

/** The lines that give a variable this name. */
function giving(host: string, { configuration }: PlatformFacts): Directive[] {
  return every(configuration.directives).filter(
    ({ name, args }) => name === 'set' && args[1]?.split(/[:/]+/).includes(host),
  )
}

async function ask(
  context: ClaimContext,
  path: string,
  method: string,
): Promise<{ answer: HttpRecord; passed: RequestRecord[] }> {
  const { client, frontend, backend, nonce } = context
  const [asked] = await atItsPace(context, path, [
    async () => {
      const id = nonce()
      const body = method === 'POST' ? '{}' : undefined
      // A query of its own, so that no cache answers for the application.
      const answer = await client.http1.request({
        ...{ path: `${path}?probe=${id}`, method, body, nonce: id },
      })
      return {
        answer,
        passed: [...(await frontend.requests(id)), ...(await backend.requests(id))],
      }
    },
  ])
  if (asked === undefined) throw new Error(`nothing was asked of ${path}`)
  return asked
}

/** The servers to which the configuration hands a request over HTTP; none where it does not, or where that cannot be told. */
function handedTo(context: ClaimContext, path: string, method: string): Upstream[] {
  const scope = scopeOf(context, path)
  const server = scope === undefined || !('server' in scope) ? scope : scope.server
  const host = context.contract.hosts.primary
  const outcome = server && followRequest(server, { target: path, host, method }).outcome
  return outcome?.kind === 'proxy' && outcome.by === 'proxy_pass' ? outcome.to : []
}

function inWords({ host, port }: Upstream): string {
  return `${host}:${port}`
}
