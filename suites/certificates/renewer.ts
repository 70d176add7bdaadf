import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { filesApart, neverAgain, neverReloaded } from '../../fixtures/faults/renewer.ts'
import { anyOf, type Need, noCertificates, noCompose, noEdgeService } from '../../fixtures/needs.ts'
import type { Mount, Service } from '../../fixtures/platform/compose.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { isInside, mountOf, sourceOf, trimmed } from '../../fixtures/platform/mounts.ts'
import { reloads } from '../../fixtures/platform/reload-command.ts'
import type { RenewalJob } from '../../fixtures/platform/renewal-jobs.ts'
import { loopOf, renewerOf } from '../../fixtures/renewal-loop.ts'
import { optionValues } from '../../fixtures/shell-words.ts'

const noRenewer: Need = (contract, { compose }) =>
  renewerOf(compose, contract) === undefined
    ? 'no service of the compose file is there to renew certificates'
    : undefined

const needs = anyOf(noCompose, noEdgeService, noCertificates, noRenewer)
const source = { spec: "SSL/TLS (Let's Encrypt certificates managed by certbot)" }

/** What is renewed a third of its life before its end still has about so long. */
const MONTH_SECONDS = 30 * 24 * 60 * 60

claim('certificates/renewer-shares-files', {
  level: 'should',
  says: 'What the renewing service writes is what the edge reads: its certificates, and the challenges that it answers.',
  source,
  needs,
  governedBy: {
    compose: (contract, compose) => [
      { service: renewerOf(compose, contract)?.name, keys: ['volumes'] },
      { service: contract.edge.service, keys: ['volumes'] },
    ],
  },
  brokenBy: filesApart,

  async check({ contract, facts, blame, evidence }) {
    const renewer = renewerOf(facts.compose, contract)
    const edge = facts.compose?.services.find(({ name }) => name === contract.edge.service)
    const written = (renewer?.mounts ?? []).filter(({ readOnly }) => !readOnly)
    evidence(
      `${renewer?.name} writes to (read from the compose file)`,
      written.map(({ source, target }) => `${source} (${target})`),
    )
    const apart = readByEdge(contract, renewer, edge).filter(
      ({ path, from }) => !written.some(mount => isKeptIn(mount, { path, from }, renewer)),
    )
    for (const { path, mount, from } of apart) {
      const near = (renewer?.mounts ?? []).filter(
        each => each.target === mount.target || isInside(from, each.source),
      )
      for (const each of [...near, mount])
        blame(each.at, 'volumes', `${each.source}:${each.target}`)
      evidence(`${path} in the edge (read)`, `from ${mount.source}`)
    }
    expect(
      apart.map(({ path, from }) => `${path}, from ${from}`),
      `what the edge reads and ${renewer?.name} does not write`,
    ).toEqual([])
    const [asked] = webrootsOf(renewer).filter(
      webroot => !isAnswered(webroot, renewer, edge, contract),
    )
    if (asked !== undefined) {
      const near = [...(edge?.mounts ?? []), ...(renewer?.mounts ?? [])].filter(
        ({ source, target }) => isInside(asked, source) !== isInside(asked, target),
      )
      for (const { at, source, target } of near) blame(at, 'volumes', `${source}:${target}`)
      for (const { at, text } of linesWith(renewer, /webroot|-w\s/)) blame(at, 'command', text)
    }
    expect(asked, 'a webroot that the edge does not answer challenges from').toBeUndefined()
  },
})

/** The lines of a service's script that speak of something. */
function linesWith(service: Service | undefined, what: RegExp) {
  return (service?.commandLines ?? []).filter(({ text }) => what.test(text))
}

/** What a script does again and again stands in lines such as these. */
const REPEATED = /\b(?:while|until|for|sleep|certbot|nginx\s+-(?!g)|kill|docker)\b/

/** Whether a mount has what the edge reads: certificates where certbot keeps its own. */
function isKeptIn(
  { source, target }: Mount,
  { path, from }: { path: string; from: string },
  renewer: Service | undefined,
): boolean {
  if (!isInside(from, source)) return false
  if (!path.endsWith('.pem')) return true
  const [home = '/etc/letsencrypt'] = optionValues(renewer?.command ?? '', ['--config-dir'])
  return isInside(`${trimmed(target)}${from.slice(trimmed(source).length)}`, home)
}

/** Paths that the edge reads and somebody renews, with where they come from. */
function readByEdge(contract: Contract, renewer: Service | undefined, edge: Service | undefined) {
  const mounts = edge?.mounts ?? []
  const certificates = contract.certificates
    .map(({ certificate }) => certificate)
    .filter(path => /\/live\/[^/]+\/[^/]+\.pem$/.test(path))
  const byDns = /--(?:standalone|preferred-challenges[= ]dns|dns-)/.test(renewer?.command ?? '')
  const directory = contract.acme?.directory
  const paths = [...certificates, ...(byDns || directory === undefined ? [] : [directory])]
  return [...new Set(paths)].flatMap(path => {
    const mount = mountOf(path, mounts)
    // That it is mounted at all is for certificates/paths-mounted and redirects/acme-challenge.
    return mount === undefined ? [] : [{ path, mount, from: sourceOf(path, mount) }]
  })
}

/** Webroots that certbot is told of. */
function webrootsOf(renewer: Service | undefined): string[] {
  return optionValues(renewer?.command ?? '', ['--webroot-path', '-w']).filter(path =>
    path.startsWith('/'),
  )
}

function isAnswered(
  webroot: string,
  renewer: Service | undefined,
  edge: Service | undefined,
  { acme }: Contract,
): boolean {
  if (acme === undefined) return true
  const from = (path: string, mounts: readonly Mount[]) => {
    const mount = mountOf(path, mounts)
    return mount && sourceOf(path, mount)
  }
  const there = from(`${webroot}/.well-known/acme-challenge`, renewer?.mounts ?? [])
  return there !== undefined && there === from(acme.directory, edge?.mounts ?? [])
}

claim('certificates/renews-again', {
  level: 'should',
  says: 'The service that is there to renew certificates asks for it again and again, more than once a month.',
  source,
  needs,
  governedBy: {
    compose: (contract, compose) => ({
      service: renewerOf(compose, contract)?.name,
      keys: ['entrypoint', 'command'],
    }),
  },
  brokenBy: neverAgain,

  async check({ contract, facts, blame, evidence }) {
    const renewer = renewerOf(facts.compose, contract)
    for (const { at, text } of linesWith(renewer, REPEATED)) blame(at, 'command', text)
    const { name, command = '', restart } = renewer ?? {}
    const { repeats, waitsSeconds } = loopOf(command)
    // Who ends after a wait and is started again repeats as well.
    const isAgain = repeats || (restart !== undefined && waitsSeconds !== undefined)
    evidence(`what ${name} runs (read from the compose file)`, command || "its image's own command")
    evidence('how often (read)', isAgain ? `every ${waitsSeconds ?? '?'} s` : 'once')
    expect(/\brenew\b/.test(command), `${name} renews`).toBe(true)
    expect(/--dry-run|--staging|--test-cert/.test(command), `${name} only rehearses`).toBe(false)
    expect(isAgain, `${name} does it again`).toBe(true)
    expect(waitsSeconds ?? 0, 'seconds in between').toBeLessThanOrEqual(MONTH_SECONDS)
  },
})

claim('certificates/reloads-again', {
  level: 'should',
  says: 'Something in the platform makes the edge read renewed certificates, again and again: nobody has to think of it.',
  source,
  needs: anyOf(
    noCompose,
    noEdgeService,
    noCertificates,
    nobodyRenews,
    ({ acmePlugin }) =>
      acmePlugin === undefined ? undefined : 'certbot’s nginx plugin reloads nginx by itself',
    ({ renewCommand }) =>
      renewCommand === undefined ? undefined : 'the contract has a way to renew, reload included',
    hasScriptsOfItsOwn,
  ),
  governedBy: {
    compose: ({ edge }) => ({ service: edge.service, keys: ['command', 'entrypoint'] }),
  },
  brokenBy: neverReloaded,

  async check({ contract, facts, blame, evidence }) {
    const services = facts.compose?.services ?? []
    const edge = services.find(({ name }) => name === contract.edge.service)
    for (const { at, text } of linesWith(edge, REPEATED)) blame(at, 'command', text)
    const reloading = services.filter(({ command }) => reloads(command))
    const said = reloading.map(({ name }) => name)
    evidence('services whose command reloads nginx (read from the compose file)', said)
    const { renewalJobs = [] } = contract
    const jobs = renewalJobs.filter(job => job.reloads)
    if (jobs.length > 0) {
      evidence('files of the platform that reload nginx (read)', jobs.map(placed))
      return
    }
    for (const { at, text } of renewalJobs) blame(at, 'renews', text)
    if (renewalJobs.length > 0)
      evidence(
        'files of the platform that renew, and do not reload (read)',
        renewalJobs.map(placed),
      )
    expect(said.length, 'how many services make the edge read its files again').toBeGreaterThan(0)
    const inTime = reloading.filter(({ name, command = '' }) => {
      const { repeats, waitsSeconds } = loopOf(command)
      // A hook of the renewer's runs whenever something was renewed.
      const isHook = name !== contract.edge.service && /-hook\b/.test(command)
      return isHook || (repeats && (waitsSeconds ?? 0) <= MONTH_SECONDS)
    })
    expect(inTime.length, 'how many of those do so every month').toBeGreaterThan(0)
  },
})

/** Neither a service of the compose file nor a crontab, unit or script beside it. */
function nobodyRenews(...[contract, facts]: Parameters<Need>): string | undefined {
  const isJob = contract.renewalJobs?.some(({ renews }) => renews) ?? false
  return isJob ? undefined : noRenewer(contract, facts)
}

function placed({ at: { file, line } }: RenewalJob): string {
  return `${file}:${line}`
}

/** An image that is built here, or scripts that are mounted, may reload nginx in ways that are not read. */
function hasScriptsOfItsOwn(...[contract, { compose }]: Parameters<Need>): string | undefined {
  const own = [
    compose?.services.find(({ name }) => name === contract.edge.service),
    renewerOf(compose, contract),
  ].find(
    service =>
      service?.build !== undefined ||
      service?.mounts.some(({ target }) =>
        /\.sh$|docker-entrypoint|\/bin\/|cron|hook/.test(target),
      ),
  )
  return own && `${own.name} has scripts of its own, which are not read`
}
