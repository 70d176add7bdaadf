import { posix } from 'node:path'
import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { certificatesUnmounted, challengesUnmounted } from '../../fixtures/faults/compose.ts'
import {
  anyOf,
  type Need,
  noAcme,
  noCertificates,
  noCompose,
  noEdgeService,
} from '../../fixtures/needs.ts'
import type { Mount } from '../../fixtures/platform/compose.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { isInside, mountOf, sourceOf, trimmed } from '../../fixtures/platform/mounts.ts'
import { nearest } from '../../fixtures/platform/nearest-word.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'

claim('certificates/paths-mounted', {
  level: 'must',
  says: "Every certificate path of the configuration exists under the compose file's mounts, behind certbot's symbolic links too.",
  source: { spec: "SSL/TLS (Let's Encrypt certificates managed by certbot)" },
  needs: anyOf(noCompose, noEdgeService, noCertificates),
  governedBy: { compose: ({ edge }) => ({ service: edge.service, keys: ['volumes'] }) },
  brokenBy: certificatesUnmounted,

  async check({ contract, facts, blame, evidence }) {
    const edge = facts.compose?.services.find(({ name }) => name === contract.edge.service)
    const mounts = (edge?.mounts ?? []).filter(({ kind }) => kind !== 'tmpfs')
    const absent: string[] = []
    for (const { path, at } of pathsOf(contract)) {
      const found = follow(path, mounts)
      evidence(`${path} (read from the compose file)`, found.seen)
      // An image of the platform's own may bring a file along; nobody can tell from here.
      const mayBeInImage = found.missing === path && edge?.build !== undefined
      if (found.missing === undefined || mayBeInImage) continue
      absent.push(found.missing === path ? path : `${path} → ${found.missing}`)
      // Under no mount at all: it is the mount that is missing, in the compose file.
      const astray = mounts.find(({ source, target }) =>
        [source, target].some(each => isInside(path, each)),
      )
      const volumes = (astray && targetOf(astray)) ?? edge?.positions.volumes ?? edge?.at ?? at
      blame(found.mount?.at ?? volumes, 'volumes', found.mount?.target ?? `${edge?.name}: volumes`)
      const written = every(facts.configuration.directives).find(
        ({ name, args }) => name.startsWith('ssl_') && args[0] === path,
      )
      blame(written?.at ?? at, written?.name ?? 'ssl_certificate', path)
    }
    expect(absent, 'certificate paths that do not exist in the edge').toEqual([])
  },
})

claim('certificates/challenges-mounted', {
  level: 'should',
  says: 'The directory from which the edge answers challenges is mounted: whoever answers them writes there from outside.',
  source: { spec: "SSL/TLS (Let's Encrypt certificates managed by certbot)" },
  needs: anyOf(noCompose, noEdgeService, noAcme, onlySuggested, mayBringItsOwn),
  governedBy: {
    scheme: 'http',
    path: () => '/.well-known/acme-challenge/token',
    directives: ['root', 'alias'],
    compose: ({ edge }) => ({ service: edge.service, keys: ['volumes'] }),
  },
  brokenBy: challengesUnmounted,

  async check({ contract, facts, blame, evidence }) {
    const { directory = '' } = contract.acme ?? {}
    const edge = facts.compose?.services.find(({ name }) => name === contract.edge.service)
    const mount = mountOf(directory, edge?.mounts ?? [])
    evidence(`${directory} (read from the compose file)`, mount?.source ?? 'under no mount')
    const astray = edge?.mounts.find(({ source, target }) =>
      [source, target].some(each => isInside(directory, each)),
    )
    if (astray !== undefined)
      blame(targetOf(astray), 'volumes', `${astray.source}:${astray.target}`)
    expect(mount?.kind ?? 'none', `what ${directory} is mounted from`).toMatch(/^(?:bind|volume)$/)
  },
})

/** Certificates in certbot's place say nothing of where challenges are answered. */
function onlySuggested({ acme }: Contract): string | undefined {
  return acme?.level === 'should' ? 'no file says where challenges are answered' : undefined
}

/** Who writes the challenges may be in the edge's own container, where its image is none of nginx's own. */
function mayBringItsOwn(...[contract, { compose }]: Parameters<Need>): string | undefined {
  const edge = compose?.services.find(({ name }) => name === contract.edge.service)
  const isPlain =
    edge?.build === undefined && /(?:^|\/)nginx(?:-unprivileged)?(?:[:@]|$)/.test(edge?.image ?? '')
  return isPlain ? undefined : 'an image that is none of nginx’s own may renew by itself'
}

function pathsOf({ certificates }: Contract) {
  return certificates.flatMap(({ certificate, key, trusted, at }) =>
    [certificate, key, trusted].filter(path => path !== undefined).map(path => ({ path, at })),
  )
}

/** Where it is written that a mount ends somewhere else. */
function targetOf({ keys, at }: Mount) {
  return keys?.target ?? at
}

interface Followed {
  /** The way of the path, in words. */
  seen: string
  /** The path in the edge at which it ends in nothing. */
  missing?: string
  mount?: Mount
}

/** Follows a path in the edge through its mount, and, where certbot put a link there, on to its target. */
function follow(path: string, mounts: readonly Mount[]): Followed {
  const mount = mountOf(path, mounts)
  if (mount === undefined) return { seen: 'under no mount', missing: path }
  const outside = sourceOf(path, mount)
  const mistyped = unlikeCertbot(outside)
  if (mistyped !== undefined)
    return { seen: `from ${outside}, where certbot keeps ${mistyped}`, missing: path, mount }
  const link = CERTBOT_LINK.exec(outside)?.groups
  // A file that is mounted by itself was followed by the engine, outside.
  if (link === undefined || path === trimmed(mount.target))
    return { seen: `from ${outside}`, mount }
  const { home = '', name = '', file = '' } = link
  const target = posix.resolve(posix.dirname(path), `../../archive/${name}/${file}1.pem`)
  const archive = mountOf(target, mounts)
  const wanted = `${home}/archive/${name}/${file}1.pem`
  if (archive !== undefined && sourceOf(target, archive) === wanted)
    return { seen: `from ${outside}, a link to ${target}, from ${wanted}`, mount }
  const seen = `from ${outside}, a dangling link: ${target} is not mounted`
  return { seen, missing: target, mount }
}

/** What certbot keeps below `live/` are links into `archive/`, two directories up. */
const CERTBOT_LINK =
  /^(?<home>.*)\/live\/(?<name>[^/]+)\/(?<file>privkey|cert|chain|fullchain)\.pem$/

const KEPT = ['privkey', 'cert', 'chain', 'fullchain'].map(name => `${name}.pem`)

/** What was meant by a path below certbot's `live/` that certbot has never written, where that can be told. */
function unlikeCertbot(path: string): string | undefined {
  const [, file = ''] = /\/letsencrypt\/live\/[^/]+\/([^/]+)$/.exec(path) ?? []
  if (file === '' || KEPT.includes(file)) return undefined
  return nearest(file, KEPT) ?? (/\.(?:pem|crt|cer|key)$/.test(file) ? undefined : KEPT.join(', '))
}
