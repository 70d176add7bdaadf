import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { type DeclaredCors, declaredCors } from '../../fixtures/cors.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { openToOrigins } from '../../fixtures/faults/cors.ts'
import { noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import type { Directive } from '../../fixtures/platform/nginx/tree.ts'
import { registrableDomain } from '../../fixtures/platform/registrable-domain.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'
import { passingOn } from '../../fixtures/ways-inwards.ts'
import type { Header, RequestRecord } from '../../stubs/protocol.ts'

/**
 * Origins that no platform allows: an unrelated one, and those that a careless pattern takes for its own. Each is
 * somebody else's domain: names below the platform's own are its own to give, and may be allowed on purpose.
 */
function strangers({ hosts: { primary } }: Contract): string[] {
  const own = registrableDomain(primary)
  return [
    'https://elsewhere.invalid',
    `https://${primary}.elsewhere.invalid`,
    `https://${own}.elsewhere.invalid`,
    `https://elsewhere-${own}`,
    `https://elsewhere${own}`,
  ]
}

const ASKING = {
  'access-control-request-method': 'PUT',
  'access-control-request-headers': 'authorization,content-type',
}

claim('routing/preflight', {
  level: 'should',
  says: 'A CORS preflight gets the declared answer where the configuration gives one, and else passes to the backend unchanged; a foreign origin is not allowed.',
  source: { standard: 'WHATWG Fetch §3.3 (CORS protocol)' },
  arrivesBy: apiArrives,
  needs: noOpenApi,
  governedBy: {
    path: ({ paths }) => `${paths.api}users`,
    directives: ['add_header', 'proxy_hide_header'],
    about: /access-control/i,
  },
  brokenBy: openToOrigins,

  async check(context) {
    const path = `${context.contract.paths.api}users`
    const declared = declaredCors(context, path)
    const { judging } = context
    context.evidence('declared in the configuration', {
      'preflights are answered at': place(declared.answersAt?.at),
      'the origin is told at': declared.adds.map(({ at }) => place(at)),
    })
    const foreign = [...new Set(strangers(context.contract))]
    const origins = [...declared.candidates.filter(origin => !foreign.includes(origin)), ...foreign]
    const answers = await atItsPace(
      context,
      path,
      origins.map(origin => ask(context, path, origin, declared, foreign.includes(origin))),
    )
    for (const { origin, answer } of answers)
      context.evidence(`from ${origin}`, `${outcomeOf(answer)}; ${inWords(answer)}`)
    for (const each of answers) {
      if (each.arrived === undefined && isEdgeRefusal(each.answer)) continue
      judging({ path, method: 'OPTIONS' })
      expectSafe(each)
      const lost = each.arrived === undefined
      if (each.arrived?.method !== 'OPTIONS')
        judging({ path, method: 'OPTIONS', directives: ['if', ...passingOn], lost })
      if (declared.answersAt === undefined)
        expectPassed(each, `${context.contract.paths.apiAtBackend}users`)
      else expectAnswered(each, declared.answersAt)
    }
    judging({ path, method: 'OPTIONS' })
    if (declared.adds.length > 0 && declared.answersAt !== undefined) expectAllowed(answers)
  },
})

interface Preflight {
  origin: string
  isForeign: boolean
  answer: HttpRecord
  arrived: RequestRecord | undefined
  /** What the backend answered with, where the edge says nothing of origins. */
  given: Header[]
}

function ask(
  { backend, nonce }: ClaimContext,
  path: string,
  origin: string,
  declared: DeclaredCors,
  isForeign: boolean,
) {
  return async (client: ClaimContext['client']): Promise<Preflight> => {
    const id = nonce()
    const allows = !isForeign && declared.adds.length === 0 && declared.answersAt === undefined
    const given: Header[] = allows
      ? [
          ['access-control-allow-origin', origin],
          ['access-control-allow-credentials', 'true'],
          ['access-control-allow-methods', 'GET, PUT'],
        ]
      : []
    await backend.steer(id, { status: 204, headers: given })
    const answer = await client.http1.request({
      path,
      method: 'OPTIONS',
      nonce: id,
      headers: { origin, ...ASKING },
    })
    const [arrived] = await backend.requests(id)
    return { origin, isForeign, answer, arrived, given }
  }
}

function expectSafe({ origin, isForeign, answer }: Preflight): void {
  const allowed = header(answer, 'access-control-allow-origin')
  expect(allowed.length, `Access-Control-Allow-Origin for ${origin}`).toBeLessThanOrEqual(1)
  if (allowed[0] === '*')
    expect(
      header(answer, 'access-control-allow-credentials').filter(value => value === 'true'),
      'credentials, allowed to everybody',
    ).toEqual([])
  if (isForeign)
    expect(
      allowed.filter(value => value === origin),
      'the foreign origins that are allowed',
    ).toEqual([])
}

/** Nobody but the backend speaks of origins: it is asked, and heard. */
function expectPassed({ origin, answer, arrived, given }: Preflight, target: string): void {
  // An edge may answer OPTIONS in a way that its files do not show; then the checks above are all there is.
  if (arrived === undefined && (answer.status === 200 || answer.status === 204)) return
  expect(arrived?.method, `method of the preflight from ${origin} at the backend`).toBe('OPTIONS')
  expect(arrived?.target, `target of the preflight from ${origin} at the backend`).toBe(target)
  for (const [name, value] of Object.entries({ origin, ...ASKING }))
    expect(
      arrived?.headers.find(([each]) => each.toLowerCase() === name)?.[1],
      `${name} at the backend`,
    ).toBe(value)
  for (const [name, value] of given)
    expect(header(answer, name), `${name} for ${origin}`).toEqual([value])
}

function expectAnswered({ origin, answer, arrived }: Preflight, { at }: Directive): void {
  const title = `the preflight from ${origin}, answered at ${place(at)}`
  expect(arrived?.method, `method of ${title}, at the backend`).toBeUndefined()
  // A browser follows no redirect here (Fetch §4.8): it takes it for a network error.
  const isSentAway = (answer.status ?? 0) >= 300 && (answer.status ?? 0) < 400
  expect(isSentAway, `a redirect (${outcomeOf(answer)}) of ${title}`).toBe(false)
}

function expectAllowed(answers: Preflight[]): void {
  const welcome = answers.filter(({ origin, isForeign, answer }) => {
    const [allowed] = header(answer, 'access-control-allow-origin')
    return !isForeign && (allowed === origin || allowed === '*')
  })
  expect(welcome.length, 'how many origins of the platform are allowed').toBeGreaterThan(0)
}

function inWords(answer: HttpRecord): string {
  const said = answer.headers.filter(([name]) => name.startsWith('access-control-'))
  return said.map(([name, value]) => `${name}: ${value}`).join('; ') || 'nothing of origins'
}

function place(at: { file: string; line: number } | undefined): string {
  return at === undefined ? 'nowhere' : `${at.file}:${at.line}`
}
