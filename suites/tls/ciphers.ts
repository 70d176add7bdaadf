import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { noForwardSecrecy, weakCiphers } from '../../fixtures/faults/tls.ts'
import { noHttps, secureHosts, secureServer } from '../../fixtures/hosts.ts'
import { effective } from '../../fixtures/platform/nginx/effective.ts'

/** Suites that encrypt nothing, authenticate nobody, or are broken, by what their names say. */
const WEAK = /_NULL_|_anon_|_EXPORT_|_RC4_|_RC2_|_3DES_|_DES_|_DES40_/

/** OpenSSL's own list has suites of every kind. */
const noDefault = { ssl_ciphers: /^$/ }

claim('tls/no-weak-ciphers', {
  level: 'must',
  says: 'No suite without encryption or authentication, and none with export keys, RC4 or 3DES, is accepted.',
  source: { standard: 'RFC 9325 §4.1' },
  needs: noHttps,
  governedBy: { directives: ['ssl_ciphers'], sound: noDefault },
  brokenBy: weakCiphers,

  async check(context) {
    const { contract, facts, evidence, judging } = context
    for (const host of secureHosts(contract, facts)) {
      const weak = (await accepted(context, host)).filter(name => WEAK.test(name))
      const named = namedWeak(context, host)
      evidence(host, weak.length === 0 ? 'accepts none' : `accepts ${weak.join(', ')}`)
      // A build without RC4 or 3DES refuses them whatever the configuration says; another would not.
      if (named.length > 0) evidence(`${host}, named in ssl_ciphers`, named.join(', '))
      judging({ host })
      expect([...weak, ...named], `weak suites that ${host} offers`).toEqual([])
    }
  },
})

claim('tls/forward-secrecy-aead', {
  level: 'should',
  says: 'Every TLS 1.2 suite that is accepted has forward secrecy (ECDHE) and authenticated encryption (AEAD).',
  source: { standard: 'RFC 9325 §4.2' },
  needs: noHttps,
  governedBy: { directives: ['ssl_ciphers'], sound: noDefault },
  brokenBy: noForwardSecrecy,

  async check(context) {
    const { contract, facts, evidence, judging } = context
    for (const host of secureHosts(contract, facts)) {
      const suites = await accepted(context, host)
      evidence(host, suites.join(' ') || 'accepts none in TLS 1.2')
      const others = suites.filter(name => !/^TLS_ECDHE_.*_(?:GCM|CCM|CHACHA20)/.test(name))
      judging({ host })
      expect(others, `suites of ${host} without ECDHE or AEAD`).toEqual([])
    }
  },
})

/** The TLS 1.2 suites that a host accepts. A list that may be cut short proves nothing. */
async function accepted({ client }: ClaimContext, host: string): Promise<string[]> {
  const { accepted: suites, last } = await client.acceptedCiphers(host)
  if (last.answered !== 'alert' && last.answered !== 'closed' && suites.length === 0)
    throw new Error(`the suites of ${host} cannot be listed: ${last.answered}`)
  return suites
}

/** How OpenSSL's cipher lists call them. `!` before one of the same kind takes it away again. */
const KINDS = [
  /RC4/,
  /RC2/,
  /3DES|DES-CBC/,
  /EXP/,
  /^(?:eNULL|NULL)|-NULL-/,
  /aNULL|^ADH|^AECDH|kDHE?anon/,
]

/** What the cipher list of a host asks for by name, whatever this build of OpenSSL makes of it. */
function namedWeak({ contract, facts }: ClaimContext, host: string): string[] {
  const server = secureServer(contract, facts, host)
  const [list] = server === undefined ? [] : effective(server, 'ssl_ciphers').directives
  const words = (list?.args[0] ?? '').split(/[:, ]+/)
  const denied = words.filter(word => word.startsWith('!')).map(word => word.slice(1))
  return words.filter(word => {
    const kind = /^[!+-]/.test(word) ? undefined : KINDS.find(each => each.test(word))
    return kind !== undefined && !denied.some(each => kind.test(each))
  })
}
