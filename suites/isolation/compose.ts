import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { shortcuts, writableMounts } from '../../fixtures/faults/compose.ts'
import { anyOf, noCompose, noEdgeService } from '../../fixtures/needs.ts'
import type { Mount, Service } from '../../fixtures/platform/compose.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { mountOf } from '../../fixtures/platform/mounts.ts'
import { writtenPaths } from '../../fixtures/platform/nginx/written-paths.ts'
import type { Position } from '../../fixtures/platform/position.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

/** Where engines take orders: whoever can write there owns the host. */
const ENGINE_SOCKET = /\/(?:docker|podman|containerd|crio)(?:\/[\w.-]+)?\.sock$/

claim('isolation/no-shortcuts', {
  level: 'should',
  says: "No service is on the host's network, privileged, or given the engine's socket.",
  source: { standard: 'CIS Docker Benchmark 5.4, 5.9, 5.31' },
  needs: noCompose,
  governedBy: {
    compose: ({ edge }) => ({
      service: edge.service,
      keys: ['network_mode', 'privileged', 'volumes'],
    }),
  },
  brokenBy: shortcuts,

  async check({ facts, blame, evidence }) {
    const services = facts.compose?.services ?? []
    evidence(
      'services looked at (read from the compose file)',
      services.map(({ name }) => name),
    )
    const found = services.flatMap(shortcutsOf)
    for (const { at, key, what } of found) blame(at, key, what)
    expect(
      found.map(({ what }) => what),
      'ways around the container network',
    ).toEqual([])
  },
})

function shortcutsOf(service: Service): { what: string; key: string; at: Position }[] {
  const { name, positions } = service
  const place = (key: string) => ({ key, at: positions[key] ?? service.at })
  const sockets = service.mounts.filter(({ source }) => ENGINE_SOCKET.test(source))
  return [
    ...(service.networkMode === 'host'
      ? [{ what: `${name}: the host's network`, ...place('network_mode') }]
      : []),
    ...(service.privileged ? [{ what: `${name}: privileged`, ...place('privileged') }] : []),
    ...sockets.map(({ source, at }) => ({ what: `${name}: ${source}`, key: 'volumes', at })),
  ]
}

/** Images that renew certificates in the edge itself, and so must write them there. */
const RENEWS_BY_ITSELF = /certbot|acme|letsencrypt|lets-encrypt|swag/i

claim('isolation/read-only-mounts', {
  level: 'should',
  says: "What is only read is mounted read-only: the edge's configuration, certificates and challenges, and the authority by which the backend knows its database.",
  source: { standard: 'CIS Docker Benchmark 5.12; OWASP Docker Security Cheat Sheet, rule 8' },
  needs: anyOf(noCompose, noEdgeService),
  governedBy: { compose: ({ edge }) => ({ service: edge.service, keys: ['volumes'] }) },
  brokenBy: writableMounts,

  async check({ contract, facts, blame, evidence }) {
    const holding = [...ofEdge(contract, facts), ...ofBackend(contract, facts)]
    evidence(
      'mounts of what is only read (read from the compose file)',
      holding.map(
        ({ service, mount, holds }) =>
          `${service}: ${mount.target}: ${holds}, ${mount.readOnly ? 'read-only' : 'writable'}`,
      ),
    )
    const writable = holding.filter(({ mount }) => !mount.readOnly)
    for (const { service, mount } of writable)
      blame(mount.keys?.read_only ?? mount.at, 'volumes', `${service}: ${mount.target}`)
    expect(
      writable.map(({ mount }) => mount.target),
      'writable mounts',
    ).toEqual([])
  },
})

interface Holding {
  service: string
  mount: Mount
  holds: string
}

function ofEdge(contract: Contract, { compose, configuration }: PlatformFacts): Holding[] {
  const edge = compose?.services.find(({ name }) => name === contract.edge.service)
  const renews = RENEWS_BY_ITSELF.test(edge?.image ?? '')
  const own = [
    ...configuration.includes
      .flatMap(({ files }) => files)
      .map(path => ({ path, kind: 'configuration' })),
    ...(renews ? [] : certificatePaths(contract)),
    ...(renews || contract.acme === undefined
      ? []
      : [{ path: contract.acme.directory, kind: 'challenges' }]),
  ]
  const written = writtenPaths(configuration)
  return mountsOf(edge).flatMap(mount => {
    // What nginx keeps there needs a place that can be written; the rest of the directory lies in the same mount.
    if (written.some(path => isUnder(path, mount.target))) return []
    const holds = isUnder(mount.target, '/etc/nginx')
      ? 'configuration'
      : own.find(({ path }) => isUnder(path, mount.target))?.kind
    return holds === undefined ? [] : [{ service: edge?.name ?? '', mount, holds }]
  })
}

/** Whoever could write the authority could be the database. */
function ofBackend({ backend, database }: Contract, { compose }: PlatformFacts): Holding[] {
  const service = compose?.services.find(({ name }) => name === backend.service)
  const authority = database?.rootCertificate
  if (service === undefined || authority === undefined) return []
  const mount = mountOf(authority, mountsOf(service))
  return mount === undefined ? [] : [{ service: service.name, mount, holds: 'authority' }]
}

/** A file system in memory has nothing of the host's. */
function mountsOf(service: Service | undefined): Mount[] {
  return (service?.mounts ?? []).filter(({ kind }) => kind !== 'tmpfs')
}

function certificatePaths({ certificates }: Contract) {
  return certificates
    .flatMap(({ certificate, key }) => [certificate, key])
    .map(path => ({ path, kind: 'certificates' }))
}

function isUnder(path: string, target: string): boolean {
  const directory = target.replace(/\/+$/, '')
  return path === directory || path.startsWith(`${directory}/`)
}
