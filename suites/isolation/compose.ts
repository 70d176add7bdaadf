import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { anyOf, noCompose, noEdgeService } from '../../fixtures/needs.ts'
import type { Service } from '../../fixtures/platform/compose.ts'
import type { Position } from '../../fixtures/platform/position.ts'

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
  says: "The edge's configuration and certificates are mounted read-only.",
  source: { standard: 'CIS Docker Benchmark 5.12; OWASP Docker Security Cheat Sheet, rule 8' },
  needs: anyOf(noCompose, noEdgeService),
  governedBy: { compose: ({ edge }) => ({ service: edge.service, keys: ['volumes'] }) },

  async check({ contract, facts, blame, evidence }) {
    const edge = facts.compose?.services.find(({ name }) => name === contract.edge.service)
    const own = [
      ...facts.configuration.includes
        .flatMap(({ files }) => files)
        .map(path => ({ path, kind: 'configuration' })),
      ...(RENEWS_BY_ITSELF.test(edge?.image ?? '') ? [] : certificatePaths(contract)),
    ]
    const mounts = (edge?.mounts ?? []).filter(({ kind }) => kind !== 'tmpfs')
    const holding = mounts
      .map(mount => ({ mount, holds: own.find(({ path }) => isUnder(path, mount.target))?.kind }))
      .map(({ mount, holds }) => ({
        mount,
        holds: isUnder(mount.target, '/etc/nginx') ? 'configuration' : holds,
      }))
      .filter(({ holds }) => holds !== undefined)
    evidence(
      'mounts with configuration or certificates (read from the compose file)',
      holding.map(
        ({ mount, holds }) =>
          `${mount.target}: ${holds}, ${mount.readOnly ? 'read-only' : 'writable'}`,
      ),
    )
    const writable = holding.filter(({ mount }) => !mount.readOnly)
    for (const { mount } of writable) blame(mount.at, 'volumes', `${edge?.name}: ${mount.target}`)
    expect(
      writable.map(({ mount }) => mount.target),
      'writable mounts',
    ).toEqual([])
  },
})

function certificatePaths({ certificates }: Parameters<typeof noEdgeService>[0]) {
  return certificates
    .flatMap(({ certificate, key }) => [certificate, key])
    .map(path => ({ path, kind: 'certificates' }))
}

function isUnder(path: string, target: string): boolean {
  const directory = target.replace(/\/+$/, '')
  return path === directory || path.startsWith(`${directory}/`)
}
