import { expect } from 'vitest'
import { locationLeadingTo } from '../../fixtures/asked-locations.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext, JudgedRequest } from '../../fixtures/context.ts'
import {
  arrowsPassedBy,
  arrowText,
  type DrawnArrow,
  drawnArrows,
  nodeFor,
} from '../../fixtures/drawing.ts'
import { arrowsIdle, arrowsMissing } from '../../fixtures/faults/diagram.ts'
import { noDiagram } from '../../fixtures/needs.ts'
import type { Role } from '../../fixtures/platform/contract.ts'
import type { DiagramArrow } from '../../fixtures/platform/diagram.ts'
import { everyUpstream } from '../../fixtures/platform/upstreams.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { observeTraffic, type Traffic } from '../../fixtures/traffic.ts'
import { unknownServers } from '../../fixtures/unknown-servers.ts'
import { frontendToBackend, passingOn } from '../../fixtures/ways-inwards.ts'

const source = { spec: 'Network Flow Diagram' }

const governedBy = {
  path: () => '/',
  directives: ['proxy_pass'],
}

claim('diagram/edges-observed', {
  level: 'must',
  says: 'Every arrow of the diagram carries traffic, on its port.',
  source,
  arrivesBy: requestsArrive,
  needs: noDiagram,
  governedBy,
  brokenBy: arrowsIdle,

  async check(context) {
    const { contract, facts, blame, judging, evidence } = context
    const traffic = await observeTraffic(context)
    evidence('traffic', traffic.map(inWords))
    const arrows = drawnArrows(facts.diagram)
    const idle: string[] = []
    let lost = true
    for (const one of arrows) {
      const unwatched = whyUnwatched(one, context)
      if (unwatched !== undefined) evidence(`${one.arrow.from} → ${one.arrow.to}`, unwatched)
      // An arrow back draws the answers on the connection of the arrow there.
      const isAnswer = arrows.some(
        ({ from, to, arrow }) => from === one.to && to === one.from && isBefore(arrow, one.arrow),
      )
      if (unwatched !== undefined || isAnswer || (await isCarried(one, traffic, context))) continue
      idle.push(`${one.from} → ${one.to}${one.arrow.port ? ` on ${one.arrow.port}` : ''}`)
      blame(one.arrow.at, 'arrow', arrowText(one.arrow))
      lost &&= isAstray(one, traffic)
      judging({ ...wayOf(one, contract, facts), lost })
    }
    expect(idle, 'arrows without traffic').toEqual([])
  },
})

claim('diagram/no-other-edges', {
  level: 'must',
  says: 'No traffic, and no route of the configuration, takes an arrow that the diagram does not have.',
  source,
  arrivesBy: requestsArrive,
  needs: noDiagram,
  governedBy,
  brokenBy: arrowsMissing,

  async check(context) {
    const { contract, facts, blame, judging, evidence } = context
    const arrows = drawnArrows(facts.diagram)
    const isDrawn = (from: Role | undefined, to: Role, port: number) =>
      arrows.some(
        each => each.from === from && each.to === to && (each.arrow.port ?? port) === port,
      )
    const traffic = await observeTraffic(context)
    evidence('traffic', traffic.map(inWords))
    const strays = traffic.filter(({ from, to, port }) =>
      to === 'edge' ? !isWayIn(context, from) : !isDrawn(from, to, port),
    )
    const routes = routesOf(context)
    evidence(
      'routes of the configuration (read)',
      routes.map(({ host, port }) => `${host}:${port}`),
    )
    const undrawn = routes.filter(({ role, host, port }) =>
      role === undefined ? !leadsToNode(context, host) : !isDrawn('edge', role, port),
    )
    for (const { arrow } of arrowsPassedBy(context.contract, facts.diagram))
      blame(arrow.at, 'arrow', arrowText(arrow))
    for (const { host, port, at } of undrawn) blame(at, 'proxy_pass', `${host}:${port}`)
    const missing = unknownServers(facts, contract.edge.service).map(({ host }) => host)
    // At another port than it is drawn, or by a name that nobody has, no request gets to its service.
    const isAlmostDrawn = (from: Role | undefined, to: Role) =>
      arrows.some(each => each.from === from && each.to === to)
    const lost =
      strays.every(({ from, to }) => isAlmostDrawn(from, to)) &&
      undrawn.every(({ role, host }) =>
        role === undefined ? missing.includes(host) : isAlmostDrawn('edge', role),
      )
    const [stray] = strays.filter(({ from, path }) => from === 'edge' && path !== undefined)
    if (stray !== undefined) {
      judging({ path: stray.path, directives: passingOn, lost })
    } else if (strays.some(({ to }) => to === 'edge')) {
      // What is missing, or drawn otherwise, is an arrow into this node: no line of nginx is to blame.
      for (const node of facts.diagram?.nodes.filter(({ role }) => role === 'edge') ?? [])
        blame(node.at, 'node', node.label)
      judging({ directives: [] })
    } else judging({ path: '/', lost })
    expect(strays.map(inWords), 'traffic without an arrow').toEqual([])
    expect(
      undrawn.map(({ host, port }) => `edge → ${host}:${port}`),
      'routes without an arrow',
    ).toEqual([])
  },
})

/**
 * Whether the diagram lets whoever comes into the edge. Either of the edge's two ports is one arrow to whoever draws
 * it; and a picture that begins at the edge, without a client and an arrow inwards, says nothing of who comes.
 */
function isWayIn({ facts: { diagram } }: ClaimContext, from: Role | undefined): boolean {
  const inwards = drawnArrows(diagram).filter(({ to }) => to === 'edge')
  const hasClient = diagram?.nodes.some(({ role }) => role === 'client') ?? false
  if (from === 'client' && !hasClient && inwards.length === 0) return true
  return inwards.some(each => each.from === from)
}

/**
 * Whether nothing comes to where an arrow leads, or comes there at another port: then requests do not get to their
 * service, which `routing/*` tells. Whoever is reached on another way is not lost.
 */
function isAstray({ from, to }: DrawnArrow, traffic: readonly Traffic[]): boolean {
  if (to !== 'frontend' && to !== 'backend') return false
  const arriving = traffic.filter(each => each.to === to)
  return arriving.length === 0 || arriving.some(each => each.from === from)
}

/** What governs whether an arrow carries anything: who begins there, and is told where to go. */
function wayOf(
  { from, to }: DrawnArrow,
  contract: ClaimContext['contract'],
  { compose }: ClaimContext['facts'],
): JudgedRequest {
  const nothing = { directives: [] }
  const { backend, database, edge } = contract
  if (from === 'client') return { compose: [{ service: edge.service, keys: ['ports'] }] }
  if (from === 'frontend' && to === 'backend' && compose !== undefined)
    return { ...nothing, compose: frontendToBackend(contract, compose) }
  if (to === 'database')
    return {
      ...nothing,
      compose: [
        { service: backend.service, keys: [`environment.${database?.variable}`, 'environment'] },
      ],
    }
  const path = to === 'backend' ? `${contract.paths.api}users` : '/'
  return { path, directives: passingOn }
}

/** Why nothing can be said of an arrow; undefined for those that carry what the edge and its clients do. */
function whyUnwatched({ from, to }: DrawnArrow, { contract }: ClaimContext): string | undefined {
  if (from === undefined || to === undefined) return 'one of them plays no role that is known here'
  for (const role of [from, to]) {
    const isDeployed =
      role === 'database'
        ? contract.database !== undefined
        : role === 'client' || role === 'edge' || contract[role].names.length > 0
    if (!isDeployed) return `no file of the platform says where its ${role} is`
  }
  const isWatched =
    from === 'client' ||
    (from === 'edge' && to !== 'edge') ||
    (from === 'frontend' && to === 'backend') ||
    (from === 'backend' && to === 'database')
  return isWatched && to !== 'client' ? undefined : 'not a way that a stand-in takes by itself'
}

async function isCarried(
  { arrow, from, to }: DrawnArrow,
  traffic: Traffic[],
  context: ClaimContext,
): Promise<boolean> {
  const { frontend, contract, evidence } = context
  const isSeen = traffic.some(
    each => each.from === from && each.to === to && (arrow.port ?? each.port) === each.port,
  )
  if (!isSeen && from === 'edge' && (to === 'frontend' || to === 'backend')) {
    // It may be there for requests of its own kind, such as web sockets or uploads.
    const path = await locationLeadingTo(context, to, arrow.port)
    evidence(`edge → ${to}`, path === undefined ? 'no location leads there' : `by ${path}`)
    return path !== undefined
  }
  if (isSeen || from !== 'frontend' || to !== 'backend' || contract.drawnHops.includes('frontend'))
    return isSeen
  // Where the API does not pass it, only the real frontend would call the backend: what can be seen is whether it could.
  const dialled = await frontend.dial(
    contract.backend.names[0] ?? '',
    arrow.port ?? contract.backend.port,
  )
  evidence('frontend → backend, dialled', dialled)
  return dialled.reached
}

/** Where nginx would send requests, whether one comes or not; the edge itself left out. */
function routesOf({ contract, facts }: ClaimContext) {
  return everyUpstream(facts.configuration)
    .filter(({ host }) => !/^(?:127\.|localhost$|\[::1\]$)/.test(host))
    .map(upstream => {
      const roles = (['frontend', 'backend'] as const).filter(name =>
        contract[name].names.includes(upstream.host),
      )
      return { ...upstream, role: roles[0] }
    })
}

/** Whether the diagram has an arrow from the edge to a node that speaks of this host. */
function leadsToNode({ facts }: ClaimContext, host: string): boolean {
  const node = nodeFor(facts.diagram, [host])
  return drawnArrows(facts.diagram).some(
    ({ from, arrow }) => from === 'edge' && arrow.to === node?.id,
  )
}

function isBefore(one: DiagramArrow, other: DiagramArrow): boolean {
  return (
    one.at.line < other.at.line ||
    (one.at.line === other.at.line && one.at.column < other.at.column)
  )
}

function inWords({ from, to, port }: Traffic): string {
  return `${from ?? 'a stranger'} → ${to} on ${port}`
}
