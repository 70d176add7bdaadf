import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { wrongPorts } from '../../fixtures/faults/compose.ts'
import { anyOf, noCompose, noEdgeService } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import {
  isReached,
  portFaults,
  publishedPorts,
  type ServicePort,
} from '../../fixtures/platform/published-ports.ts'
import { answers } from '../../fixtures/probes/reach.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

claim('isolation/only-80-and-443', {
  level,
  says: 'Only the edge is published, on 80 and 443, and nothing else answers.',
  source: { spec: 'Port Configuration' },
  needs: anyOf(noCompose, noEdgeService),
  governedBy: {
    // A service that publishes what it should not comes before the edge itself.
    compose: ({ edge }, { services }) =>
      [
        ...services.filter(({ name, ports }) => name !== edge.service && ports.length > 0),
        { name: edge.service },
      ].map(({ name }) => ({ service: name, keys: ['ports'] })),
  },
  brokenBy: wrongPorts,

  async check({ contract, facts, topology, blame, judging, evidence }) {
    const { edge } = contract
    const published = publishedPorts(facts.compose)
    const { others, extra, crossed, lost } = portFaults(contract, facts)
    evidence('published by the compose file', published.map(show))
    const reached = await Promise.all(
      (['frontend', 'backend'] as const).flatMap(role =>
        Object.entries(topology[role].published).map(async ([port, at]) => ({
          role,
          port,
          seen: await answers(topology.edge.host, at, patience.arrivesMs),
        })),
      ),
    )
    if (reached.length > 0) evidence('answering from outside besides the edge', reached)
    const surplus = [...others, ...extra]
    for (const port of surplus) blame(port.keys?.published ?? port.at, 'ports', show(port))
    if (surplus.length > 0) judging({ compose: [] })
    expect(surplus.map(show), "published besides the edge's own two").toEqual([])
    for (const key of ['published', 'target'])
      for (const port of crossed) blame(port.keys?.[key] ?? port.at, 'ports', show(port))
    expect(crossed.map(show), 'ports of the world that lead to the other protocol').toEqual([])
    judging({ compose: [{ service: edge.service, keys: ['ports'] }] })
    const own = published.filter(({ service }) => service === edge.service)
    const served = [edge.httpPort, edge.httpsPort]
    for (const port of own)
      if (lost.includes(port.containerPort) && !isReached(port, own))
        blame(port.keys?.protocol ?? port.at, 'ports', show(port))
    // One that leads nowhere was meant for one that is missing.
    for (const port of own.filter(each => lost.length > 0 && !served.includes(each.containerPort)))
      blame(port.keys?.target ?? port.at, 'ports', show(port))
    expect(
      lost,
      `ports that the edge serves and that are not published (published: ${own.map(show).join(', ') || 'none'})`,
    ).toEqual([])
  },
})

/** What lies open, or leads to the wrong protocol, is a fault; at which port the edge itself is published is advice. */
function level(contract: Contract, facts: PlatformFacts): 'must' | 'should' {
  const { others, extra, crossed, lost } = portFaults(contract, facts)
  if (others.length > 0 || crossed.length > 0 || lost.length > 0) return 'must'
  return extra.length > 0 ? 'should' : 'must'
}

function show({
  service,
  hostAddress,
  hostPort,
  containerPort,
  protocol,
  at,
}: ServicePort): string {
  const address = hostAddress === undefined ? '' : `${hostAddress}:`
  return `${service} ${address}${hostPort ?? '(any)'}→${containerPort}/${protocol} (${at.file}:${at.line})`
}
