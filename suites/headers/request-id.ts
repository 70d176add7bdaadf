import { expect } from 'vitest'
import { apiRoutes, arrivals, arrived, recordOf } from '../../fixtures/arrivals.ts'
import { claim } from '../../fixtures/claim.ts'
import { alwaysUpgrade, oddRequestId } from '../../fixtures/faults/headers.ts'
import { idNotKept } from '../../fixtures/faults/headers-inwards.ts'
import { anyOf, noOpenApi, noWayIn } from '../../fixtures/needs.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'
import { requestsArrive } from '../../fixtures/prerequisites.ts'
import { valuesOf } from '../../fixtures/probes/headers.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

const ID = /\bx-(request|correlation|trace)-?id\b/i

claim('headers/one-request-id', {
  level: 'should',
  says: "One id for each request reaches the backend: the client's valid one unchanged, or a fresh one.",
  source: { standard: 'RFC 9110 §5.3 (one value); W3C Trace Context §2 (by analogy)' },
  arrivesBy: requestsArrive,
  needs: anyOf(noOpenApi, (_, facts) =>
    idHeader(facts) === undefined ? 'the configuration forwards no request id' : undefined,
  ),
  governedBy: { path: ({ paths }) => paths.api, directives: ['proxy_set_header'], about: ID },
  brokenBy: oddRequestId,

  async check(context) {
    const { contract, facts, nonce, evidence, judging } = context
    const name = idHeader(facts) ?? ''
    const routes = apiRoutes(contract)
    const own = nonce()
    const seen = new Map<string, string>()
    for (const sent of [undefined, undefined, own]) {
      const headers: Record<string, string> = sent === undefined ? {} : { [name]: sent }
      const all = arrived(await arrivals(context, routes, headers), 'backend')
      for (const arrival of all) {
        const [record] = recordOf(arrival, 'backend')
        const ids = valuesOf(record?.headers ?? [], name)
        const said = `${arrival.path}, ${sent === undefined ? 'without an id' : `with the id ${sent}`}`
        evidence(said, `${name}: ${ids.join(' | ') || 'none'}`)
        judging({ path: arrival.path })
        expect(ids, `ids that reach the backend for ${said}`).toHaveLength(1)
        const [id = ''] = ids
        expect(id, `id of ${said}`).toMatch(/^[^\s,]+$/)
        if (sent === undefined)
          expect(seen.get(id), `request with the id of ${said}`).toBeUndefined()
        else if (id !== sent) expect(id, `fresh id of ${said}`).not.toContain(sent)
        seen.set(id, said)
      }
    }
  },
})

claim('headers/request-id-kept', {
  level: 'should',
  says: "A client's own valid request id reaches the backend unchanged, where the configuration reads it.",
  source: {
    standard: 'W3C Trace Context §2 (by analogy): an id is of use where all say the same one',
  },
  arrivesBy: requestsArrive,
  needs: anyOf(noOpenApi, (_, facts) => {
    const name = idHeader(facts)
    if (name === undefined) return 'the configuration forwards no request id'
    return readsOwn(facts, name) ? undefined : `the configuration reads no ${name} of a client`
  }),
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['proxy_set_header'],
    about: ID,
  },
  brokenBy: idNotKept,

  async check(context) {
    const { contract, facts, nonce, evidence, judging } = context
    const name = idHeader(facts) ?? ''
    const sent = nonce()
    for (const arrival of arrived(
      await arrivals(context, apiRoutes(contract), { [name]: sent }),
      'backend',
    )) {
      const [record] = recordOf(arrival, 'backend')
      const ids = valuesOf(record?.headers ?? [], name)
      evidence(arrival.path, `${name}: ${ids.join(' | ') || 'none'}, in place of ${sent}`)
      judging({ path: arrival.path })
      expect(ids, `${name} at the backend for ${arrival.path}`).toEqual([sent])
    }
  },
})

/** Whether a client's own id is looked at anywhere but in a log: by a map, or by what is handed on. */
function readsOwn({ configuration }: PlatformFacts, name: string): boolean {
  const variable = `$http_${name.toLowerCase().replaceAll('-', '_')}`
  return every(configuration.directives).some(
    ({ name: directive, args }) =>
      ['map', 'set', 'if', 'proxy_set_header'].includes(directive) &&
      args.some(arg => arg.includes(variable)),
  )
}

/** The header in which the configuration passes an id on. */
function idHeader({ configuration }: PlatformFacts): string | undefined {
  return every(configuration.directives).find(
    ({ name, args: [header = '', value = ''] }) =>
      name === 'proxy_set_header' && value !== '' && ID.test(header),
  )?.args[0]
}

claim('headers/upgrade-only-when-asked', {
  level: 'should',
  says: 'Neither Connection: upgrade nor an Upgrade reaches a service unless the client asked for it.',
  source: { standard: 'RFC 9110 §7.8' },
  arrivesBy: requestsArrive,
  needs: noWayIn,
  governedBy: {
    path: ({ paths }) => paths.api,
    directives: ['proxy_set_header'],
    about: /\b(connection|upgrade)\b/i,
  },
  brokenBy: alwaysUpgrade,

  async check(context) {
    const { contract, evidence, judging } = context
    const routes = ['/', ...apiRoutes(contract)]
    for (const { path, passed } of arrived(await arrivals(context, routes))) {
      // The one directly behind the edge: what it says further on is its own affair.
      const [first] = passed
      const headers = first?.headers ?? []
      const connection = valuesOf(headers, 'connection').join(', ')
      const upgrade = valuesOf(headers, 'upgrade').join(', ')
      const told = `Connection: ${connection || 'none'}; Upgrade: ${upgrade || 'none'}`
      evidence(`${path} at the ${first?.role}`, told)
      judging({ path })
      expect(
        connection.toLowerCase(),
        `Connection of ${path}, which asks for no upgrade`,
      ).not.toMatch(/\bupgrade\b/)
      expect(upgrade, `Upgrade of ${path}, which asks for none`).toBe('')
    }
  },
})
