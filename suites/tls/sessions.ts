import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { earlyData, noResumption, sessionsForEver } from '../../fixtures/faults/tls.ts'
import { noHttps, secureHosts, secureServer } from '../../fixtures/hosts.ts'
import { effective, parseTime } from '../../fixtures/platform/nginx/effective.ts'

/** How long a server is given for its session ticket, in milliseconds: it sends it at once, or never. */
const TICKET_MS = 1_000

claim('tls/no-early-data', {
  level: 'must',
  says: 'No session permits early data (0-RTT): whoever recorded a login cannot send it again.',
  source: { standard: 'RFC 8446 §8; RFC 9325 §3.1.1 (0-RTT)' },
  needs: noHttps,
  governedBy: { directives: ['ssl_early_data'], sound: { ssl_early_data: /^off$/ } },
  brokenBy: earlyData,

  async check({ client, contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      const { maxEarlyData: bytes, version } = await client.handshake({
        host,
        keepSession: true,
        withinMs: TICKET_MS,
      })
      evidence(
        host,
        `${version ?? 'no handshake'}, ${bytes === undefined ? 'no session' : `a session that permits ${bytes} bytes`}`,
      )
      judging({ host })
      expect(bytes ?? 0, `bytes of early data that ${host} permits`).toBe(0)
    }
  },
})

claim('tls/resumption', {
  level: 'should',
  says: 'A session resumes: a client that comes back is spared a full handshake.',
  source: { standard: 'RFC 9325 §3.4' },
  needs: noHttps,
  governedBy: {
    directives: ['ssl_session_cache', 'ssl_session_tickets'],
    sound: { ssl_session_cache: /shared|builtin/, ssl_session_tickets: /^on$/ },
  },
  brokenBy: noResumption,

  async check({ client, contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      const first = await client.handshake({ host, keepSession: true, withinMs: TICKET_MS })
      const { session } = first
      const again = session === undefined ? undefined : await client.handshake({ host, session })
      const seen = again?.reused ? 'resumed' : 'a full handshake again'
      evidence(host, `${first.version ?? first.error?.message}, ${session ? seen : 'no session'}`)
      judging({ host })
      expect(again?.reused ?? false, `a session of ${host} resumes`).toBe(true)
    }
  },
})

/** What TLS 1.3 allows a session to live, in seconds. */
const WEEK_SECONDS = 7 * 24 * 60 * 60

claim('tls/sessions-end', {
  level: 'should',
  says: 'No session may be resumed for longer than a week: whoever gets hold of one has it for a while, and not for ever.',
  source: { standard: 'RFC 8446 §4.6.1; RFC 9325 §3.4' },
  needs: noHttps,
  governedBy: { directives: ['ssl_session_timeout'] },
  brokenBy: sessionsForEver,

  async check({ contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      const server = secureServer(contract, facts, host)
      const [written] =
        server === undefined ? [] : effective(server, 'ssl_session_timeout').directives
      const seconds = parseTime(written?.args[0] ?? '5m')
      evidence(`${host} (read)`, `${seconds} s`)
      judging({ host })
      expect(seconds, `seconds that a session of ${host} lives`).toBeLessThanOrEqual(WEEK_SECONDS)
    }
  },
})

claim('tls/no-compression', {
  level: 'must',
  says: 'TLS compression is off: what is secret cannot be guessed from the length of records.',
  source: { standard: 'RFC 9325 §3.3 (CRIME)' },
  needs: noHttps,
  governedBy: { directives: ['ssl_conf_command'] },
  unbreakable:
    'nginx turns compression off for each connection, and no OpenSSL of this decade is built with it',

  async check({ client, contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      const { answered, compression, alert } = await client.hello({
        version: 'TLSv1.2',
        servername: host,
        compression: true,
      })
      // TLS 1.3 knows none, so a host that speaks nothing else has none.
      const refused = alert === undefined ? answered : `TLS 1.2 is refused (${alert.name})`
      evidence(host, compression === undefined ? refused : `method ${compression} chosen`)
      judging({ host })
      expect(compression ?? 0, `compression method that ${host} chooses`).toBe(0)
    }
  },
})

claim('tls/no-client-renegotiation', {
  level: 'should',
  says: 'A client that asks for a second handshake on an open connection is refused.',
  source: { standard: 'RFC 9325 §3.5' },
  needs: noHttps,
  governedBy: { directives: ['ssl_conf_command'] },
  unbreakable: 'nginx refuses renegotiation on each connection, whatever its files say',

  async check({ client, contract, facts, evidence, judging }) {
    for (const host of secureHosts(contract, facts)) {
      const { renegotiated, version, error } = await client.renegotiate(host)
      evidence(host, `${version ?? 'TLS 1.2 is refused'}: ${error?.message ?? 'renegotiated'}`)
      judging({ host })
      expect(renegotiated, `renegotiation with ${host}`).toBe(false)
    }
  },
})
