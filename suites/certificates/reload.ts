import { expect } from 'vitest'
import { hostsOf, others, presented } from '../../fixtures/certificate-hosts.ts'
import { claim } from '../../fixtures/claim.ts'
import { newNotServed } from '../../fixtures/faults/certificates.ts'
import { noHttps } from '../../fixtures/hosts.ts'
import { anyOf, noCertificates } from '../../fixtures/needs.ts'
import { steadyPages } from '../../fixtures/steady-pages.ts'

claim('certificates/reload-serves-new', {
  level: 'must',
  drill: true,
  says: 'After a renewal and a reload every host presents its new certificate, and no request failed in between.',
  source: { spec: "SSL/TLS (Let's Encrypt certificates managed by certbot)" },
  needs: anyOf(noHttps, noCertificates),
  governedBy: {
    directives: ['ssl_certificate', 'ssl_certificate_key'],
    compose: ({ edge }) => ({ service: edge.service, keys: ['volumes'] }),
  },
  brokenBy: newNotServed,

  async check({ contract, ownEdge, engine, evidence, blame, judging }) {
    const { client, edge } = await ownEdge()
    const all = await presented(client, hostsOf(contract.certificates), [])
    // That every host presents a certificate of its own at all is for tls/each-name-its-certificate.
    const before = all.filter(({ ok }) => ok)
    if (before.length === 0) throw new Error(`no host presents a certificate: ${all[0]?.seen}`)
    const hosts = before.map(({ host }) => host)
    const old = new Set(before.map(({ seen }) => seen))
    await using requests = await steadyPages(client.http1)
    const renewed = await engine.renewCertificates(edge.id)
    for (const { certificate, pinned } of renewed) {
      evidence(certificate, pinned.length === 0 ? 'renewed' : 'mounted as a file')
      for (const { path, source, at } of pinned) {
        evidence(
          `${path} (read from the compose file)`,
          `${source} mounted as a file: the edge keeps the old one until it is created anew`,
        )
        blame(at, 'volumes', `${source}:${path}`)
      }
    }
    const { refused, tookMs } = await engine.reload(edge.id)
    evidence('reload', refused ?? `new workers after ${tookMs} ms`)
    expect(refused, 'what nginx says against the reload').toBeUndefined()
    const after = await presented(client, hosts, renewed)
    const { sent, failed } = await requests.stop()
    evidence('requests meanwhile', `${sent} sent, ${failed.length} failed`)
    for (const { host, seen, wanted } of after) {
      const which = old.has(seen) ? 'the old certificate' : seen
      evidence(host, wanted.includes(seen) ? 'the new certificate' : which)
    }
    const [astray] = others(after)
    if (astray !== undefined) judging({ host: astray.host })
    expect(
      others(after).map(({ host }) => host),
      'hosts that do not present their new certificate after the reload',
    ).toEqual([])
    expect(failed, 'requests that failed').toEqual([])
  },
})
