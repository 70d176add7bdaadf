import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { wrongPorts } from '../../fixtures/faults/compose.ts'
import { anyOf, noCompose, noEdgeService } from '../../fixtures/needs.ts'
import { patience } from '../../fixtures/patience.ts'
import type { PublishedPort } from '../../fixtures/platform/compose.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { servers } from '../../fixtures/platform/nginx/servers.ts'
import { answers } from '../../fixtures/probes/reach.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

claim('isolation/only-80-and-443', {
  level: 'must',
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
    const services = facts.compose?.services ?? []
    const published = services.flatMap(({ name, ports }) =>
      ports.map(port => ({ service: name, ...port })),
    )
    evidence('published by the compose file', published.map(show))
    const { edge } = contract
    const allowed = (port: (typeof published)[number]) =>
      isLoopback(port) || (port.service === edge.service && isWebPort(port, contract))
    const surplus = published.filter(port => !allowed(port))
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
    for (const port of surplus) blame(port.keys?.published ?? port.at, 'ports', show(port))
    if (surplus.length > 0) judging({ compose: [] })
    expect(surplus.map(show), "published besides the edge's own two").toEqual([])
    const own = published.filter(({ service }) => service === edge.service)
    const crossed = own.filter(port => isCrossed(port, contract, facts))
    for (const key of ['published', 'target'])
      for (const port of crossed) blame(port.keys?.[key] ?? port.at, 'ports', show(port))
    expect(crossed.map(show), 'ports of the world that lead to the other protocol').toEqual([])
    const served = [
      ...(edge.plain ? [edge.httpPort] : []),
      ...(edge.scheme === 'https' ? [edge.httpsPort] : []),
    ]
    // On the host's own network whatever it listens on is the host's.
    if (services.find(({ name }) => name === edge.service)?.networkMode === 'host') return
    judging({ compose: [{ service: edge.service, keys: ['ports'] }] })
    const reaches = isReached(own)
    const ports = own.filter(reaches).map(({ containerPort }) => containerPort)
    const lost = served.filter(port => !ports.includes(port))
    for (const port of own.filter(each => !reaches(each) && lost.includes(each.containerPort)))
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

/** On TCP, at a port that is known. Where one port of the edge is the world's, another is not for the host alone. */
function isReached(own: PublishedPort[]): (port: PublishedPort) => boolean {
  const isBehindAnother = own.every(isLoopback)
  return port =>
    port.protocol === 'tcp' &&
    port.anyHostPort === undefined &&
    (isBehindAnother || !isLoopback(port))
}

/** Whoever comes for https at 443 finds plain HTTP, or the other way about. */
function isCrossed(
  { hostPort, containerPort, protocol }: PublishedPort,
  { edge }: Contract,
  { configuration }: PlatformFacts,
): boolean {
  if (edge.scheme === 'http' || protocol === 'udp') return false
  const listens = servers(configuration)
    .flatMap(server => server.listens)
    .filter(({ port, quic }) => port === containerPort && !quic)
  if (listens.length === 0) return false
  return hostPort === 443
    ? listens.every(({ ssl }) => !ssl)
    : hostPort === 80 && listens.every(({ ssl }) => ssl)
}

/** A platform without https has its clients behind another proxy, which finds it at any port. */
function isWebPort(
  { hostPort, containerPort }: PublishedPort,
  { edge: { scheme, httpPort, httpsPort } }: Contract,
): boolean {
  if (scheme === 'http') return containerPort === httpPort
  return [80, 443, httpPort, httpsPort].includes(hostPort ?? containerPort)
}

/** Reachable only on the host itself: nothing of the world outside gets there. */
function isLoopback({ hostAddress = '' }: PublishedPort): boolean {
  return /^(?:127\.|localhost$|\[?::1\]?$)/.test(hostAddress)
}

function show({
  service,
  hostAddress,
  hostPort,
  containerPort,
  protocol,
  at,
}: PublishedPort & { service: string }): string {
  const address = hostAddress === undefined ? '' : `${hostAddress}:`
  return `${service} ${address}${hostPort ?? '(any)'}→${containerPort}/${protocol} (${at.file}:${at.line})`
}
