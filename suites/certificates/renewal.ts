import { expect } from 'vitest'
import { hostsOf, others, presented } from '../../fixtures/certificate-hosts.ts'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext, OwnRenewal } from '../../fixtures/context.ts'
import { neverRenewed, renewedInVain, renewedTooSoon } from '../../fixtures/faults/certificates.ts'
import { LiveStream } from '../../fixtures/live-stream.ts'
import { noRenewal, noStream, streamPath } from '../../fixtures/needs.ts'
import { lookUntil, patience } from '../../fixtures/patience.ts'
import { type RenewalWay, renewalWay } from '../../fixtures/renewal-command.ts'
import { steadyPages } from '../../fixtures/steady-pages.ts'

const DAY = 24 * 60 * 60

const governedBy = {
  scheme: 'http' as const,
  path: () => '/.well-known/acme-challenge/token',
  directives: ['root', 'alias', 'return', 'try_files', 'proxy_pass'],
}

claim('certificates/renewal', {
  level: ({ acme }) => acme?.level ?? 'must',
  drill: true,
  image: 'acme',
  says: 'certbot renews every certificate through the edge, over port 80, and every host presents the result after a reload, while requests and event streams go on.',
  source: { spec: "SSL/TLS (Let's Encrypt, certbot); RFC 8555 §8.3" },
  restsOn: ['redirects/acme-challenge'],
  needs: noRenewal,
  governedBy,
  brokenBy: [...neverRenewed, ...renewedInVain],

  async check(context) {
    const { contract, facts, backend, ownRenewal, engine, evidence } = context
    const own = await ownRenewal()
    const way = renewalWay(contract, facts, own.lineages)
    evidence('renewed by', way.said)
    await using stream = noStream(contract, facts)
      ? undefined
      : await LiveStream.open(own.client.http1, backend, streamPath(contract))
    await using requests = await steadyPages(own.client.http1)
    await expectRenewed(context, own, way, { dueDays: 62, leftDays: 28 })
    if (!way.reloads) {
      const { refused, tookMs } = await engine.reload(own.edge.id)
      evidence('reload', refused ?? `new workers after ${tookMs} ms`)
      expect(refused, 'what nginx says against the reload').toBeUndefined()
    }
    await expectPresented(context, own)
    const event = await stream?.deliver()
    evidence('event stream', event?.lastSeen ?? 'none could be opened')
    const arrives = event?.delivered === false ? 'does not arrive' : 'arrives'
    expect(arrives, 'an event after the renewal, on a stream opened before').toBe('arrives')
    const { sent, failed } = await requests.stop()
    evidence('requests meanwhile', `${sent} sent, ${failed.length} failed`)
    expect(failed, 'requests that failed').toEqual([])
  },
})

/** Runs the renewal, and expects a new certificate in every lineage. */
async function expectRenewed(
  { evidence, judging }: ClaimContext,
  own: OwnRenewal,
  way: RenewalWay,
  { dueDays, leftDays }: { dueDays: number; leftDays: number },
  lineages = own.lineages,
): Promise<void> {
  const before = await Promise.all(lineages.map(own.latest))
  const { exitCode, output, tookMs } = await own.renew(way.command, dueDays * DAY)
  const after = await Promise.all(lineages.map(own.latest))
  const left = lineages.filter((_, n) => before[n] === after[n])
  const when = `${Math.round(leftDays)} days before expiry`
  evidence(
    `renewal, ${when}`,
    `${lineages.length - left.length} of ${lineages.length} renewed in ${tookMs} ms, exit status ${exitCode}`,
  )
  const reported = output.indexOf('The Certificate Authority reported')
  const said = reported === -1 ? output.trim().slice(-500) : output.slice(reported).slice(0, 500)
  if (left.length > 0 && !way.reloads && reported === -1)
    throw new Error(`certbot failed for a reason of its own: ${said}`)
  const [host] = left.flatMap(({ hosts }) => hosts)
  if (host !== undefined) {
    evidence(`what was said, ${when}`, said)
    judging({ scheme: 'http', host, path: governedBy.path() })
  }
  expect(
    left.map(({ name }) => name),
    `certificates that were not renewed ${when}`,
  ).toEqual([])
}

/** Expects of every host the certificate that certbot has now, to a client that knows the issuer alone. */
async function expectPresented({ evidence }: ClaimContext, own: OwnRenewal): Promise<void> {
  const certificates = await Promise.all(
    own.lineages.map(async lineage => ({
      names: lineage.hosts,
      fingerprint: await own.latest(lineage),
    })),
  )
  const look = () => presented(own.issued, hostsOf(certificates), certificates)
  // A platform's own command only asks for a reload, and does not wait for it.
  const all =
    (await lookUntil(async () => {
      const now = await look()
      return others(now).length === 0 ? now : undefined
    }, patience.answerMs)) ?? (await look())
  for (const each of all)
    evidence(each.host, others([each]).length === 0 ? 'the new certificate' : each.seen)
  expect(
    others(all).map(({ host }) => host),
    'hosts that do not present their new certificate',
  ).toEqual([])
}

/** How long certificates live, the usual and the short ones, and when they are looked at, in days. */
const LIVES = [
  { lifetimeDays: 90, early: 30, due: 62 },
  { lifetimeDays: 160 / 24, early: 1, due: 4.5 },
]

claim('certificates/renewal-when-due', {
  level: 'should',
  drill: true,
  image: 'acme',
  says: 'A certificate is renewed when it is due, and not before, whether it lives for 90 days or for six.',
  source: { spec: "SSL/TLS (Let's Encrypt certificates managed by certbot)" },
  restsOn: ['redirects/acme-challenge', 'certificates/renewal'],
  needs: noRenewal,
  governedBy,
  brokenBy: [...renewedTooSoon, ...neverRenewed],

  async check(context) {
    const own = await context.ownRenewal()
    for (const life of LIVES) {
      await own.startOver(life.lifetimeDays)
      await expectInTime(context, own, life)
    }
  },
})

async function expectInTime(
  context: ClaimContext,
  own: OwnRenewal,
  { lifetimeDays, early, due }: (typeof LIVES)[number],
): Promise<void> {
  const { contract, facts, evidence, blame } = context
  // One certificate stands for all: which of them are renewed is for certificates/renewal.
  const [lineage] = own.lineages.slice(0, 1)
  if (lineage === undefined) throw new Error('there is no certificate to renew')
  const { command, ...way } = renewalWay(contract, facts, [lineage])
  const only = way.reloads ? command : `${command} --cert-name '${lineage.name}'`
  const life = `a certificate of ${Math.floor(lifetimeDays)} days`
  const before = await own.latest(lineage)
  const { exitCode } = await own.renew(only, early * DAY)
  const isSame = (await own.latest(lineage)) === before
  evidence(
    `${life}, ${Math.round(lifetimeDays - early)} days before expiry`,
    `${isSame ? 'left as it is' : 'renewed'}, exit status ${exitCode}`,
  )
  if (!isSame && way.at !== undefined) blame(way.at, 'certificates.renewCommand', command)
  expect(isSame, `${life} is left as it is ${early} days after its issue`).toBe(true)
  const when = { dueDays: due, leftDays: lifetimeDays - due }
  await expectRenewed(context, own, { ...way, command: only }, when, [lineage])
}
