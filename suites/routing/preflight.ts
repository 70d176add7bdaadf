import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { type DeclaredCors, declaredCors } from '../../fixtures/cors.ts'
import { isEdgeRefusal, outcomeOf } from '../../fixtures/edge-answers.ts'
import { noOpenApi } from '../../fixtures/needs.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'
import type { Header, RequestRecord } from '../../stubs/protocol.ts'

const FOREIGN = 'https://elsewhere.invalid'

const ASKING = {
  'access-control-request-method': 'PUT',
  'access-control-request-headers': 'authorization,content-type',
}

claim('routing/preflight', {
  level: 'should',
  says: 'A CORS preflight gets the declared answer where the configuration gives one, and else passes to the backend unchanged; a foreign origin is not allowed.',
  source: { standard: 'WHATWG Fetch §3.3 (CORS protocol)' },
  needs: noOpenApi,
  governedBy: {
    path: ({ paths }) => `${paths.api}users`,
    directives: ['if', 'add_header', 'rewrite', 'proxy_hide_header'],
  },

  async check(context) {
    const path = `${context.contract.paths.api}users`
    const declared = declaredCors(context, path)
    context.evidence('declared in the configuration', {
      'preflights are answered at': place(declared.answersAt?.at),
      'the origin is told at': declared.adds.map(({ at }) => place(at)),
    })
    const origins = [...declared.candidates, FOREIGN]
    const answers = await atItsPace(
      context,
      path,
      origins.map(origin => ask(context, path, origin, declared)),
    )
    for (const { origin, answer } of answers)
      context.evidence(`from ${origin}`, `${outcomeOf(answer)}; ${inWords(answer)}`)
    for (const each of answers) {
      if (each.arrived === undefined && isEdgeRefusal(each.answer)) continue
      expectSafe(each.origin, each.answer)
      if (declared.answersAt === undefined)
        expectPassed(each, `${context.contract.paths.apiAtBackend}users`)
      else
        expect(
          each.arrived,
          `the preflight from ${each.origin}, answered at ${place(declared.answersAt.at)}, at the backend`,
        ).toBeUndefined()
    }
    if (declared.adds.length > 0 && declared.answersAt !== undefined) expectAllowed(answers)
  },
})

interface Preflight {
  origin: string
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
) {
  return async (client: ClaimContext['client']): Promise<Preflight> => {
    const id = nonce()
    const allows =
      origin !== FOREIGN && declared.adds.length === 0 && declared.answersAt === undefined
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
    return { origin, answer, arrived, given }
  }
}

function expectSafe(origin: string, answer: HttpRecord): void {
  const allowed = header(answer, 'access-control-allow-origin')
  expect(allowed.length, `Access-Control-Allow-Origin for ${origin}`).toBeLessThanOrEqual(1)
  if (allowed[0] === '*')
    expect(
      header(answer, 'access-control-allow-credentials'),
      'credentials, allowed to everybody',
    ).not.toContain('true')
  if (origin === FOREIGN)
    expect(allowed, 'the origin that a foreign one is told').not.toContain(FOREIGN)
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

function expectAllowed(answers: Preflight[]): void {
  const welcome = answers.filter(({ origin, answer }) => {
    const [allowed] = header(answer, 'access-control-allow-origin')
    return origin !== FOREIGN && (allowed === origin || allowed === '*')
  })
  expect(
    welcome.map(({ origin }) => origin),
    'origins that are allowed',
  ).not.toEqual([])
}

function inWords(answer: HttpRecord): string {
  const said = answer.headers.filter(([name]) => name.startsWith('access-control-'))
  return said.map(([name, value]) => `${name}: ${value}`).join('; ') || 'nothing of origins'
}

function place(at: { file: string; line: number } | undefined): string {
  return at === undefined ? 'nowhere' : `${at.file}:${at.line}`
}
