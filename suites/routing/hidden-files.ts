import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import type { ClaimContext } from '../../fixtures/context.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { hiddenBelowApi, hiddenOnDisk, hiddenShown } from '../../fixtures/faults/files.ts'
import { askHidden, isHidden } from '../../fixtures/hidden-paths.ts'
import { HIDDEN, hiddenFilesLevel } from '../../fixtures/hidden-spellings.ts'
import { atItsPace } from '../../fixtures/pace.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import { pcreMatches } from '../../fixtures/platform/nginx/pcre.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'
import { apiArrives } from '../../fixtures/prerequisites.ts'
import { type HttpRecord, header } from '../../fixtures/probes/http.ts'
import { scopeOf } from '../../fixtures/scope.ts'
import { fallbackBehind, fileBehind, fileRefused, refuses } from '../../fixtures/served-files.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'
import { passingOn } from '../../fixtures/ways-inwards.ts'

const ON_DISK = ['/.env', '/.git/config']

const CONTENT = 'a file that nobody should see'

claim('routing/hidden-files', {
  level: hiddenFilesLevel,
  says: 'Hidden files such as /.env and /.git/config are refused in every spelling and reach no service; /.well-known/ stays reachable.',
  source: { standard: 'OWASP WSTG-CONF-04; RFC 8615 §3' },
  governedBy: {
    path: () => '/.env',
    directives: ['deny', 'return'],
    sound: { deny: /^all$/, return: /^4\d\d/ },
  },
  brokenBy: hiddenShown,

  async check(context) {
    const { engine, topology, evidence, judging } = context
    // An application of one page answers with it whatever it does not find, once the page is there.
    const page = fallbackBehind(context, '/.env')
    if (page !== undefined) await engine.putFile(topology.edge.id, page, '<!doctype html>')
    const answers = await ask(context, HIDDEN)
    for (const { path, answer, reached } of answers) {
      const title = `${path} over ${answer.protocol}`
      evidence(title, `${outcomeOf(answer)}; ${reached.join(', ') || 'no service'}`)
      judging({ path })
      expect(reached, `services that ${title} reached`).toEqual([])
      expect(isRefused(answer), `${title} is refused (${outcomeOf(answer)})`).toBe(true)
    }
    await wellKnownStays(context)
  },
})

claim('routing/hidden-files-on-disk', {
  // Whether a directory has hidden files is for those to say who fill it: without a rule it only may not.
  level: 'should',
  says: 'A hidden file that lies in a directory which the edge serves is not shown in any spelling.',
  source: { standard: 'OWASP WSTG-CONF-04' },
  needs: (contract, facts) =>
    ON_DISK.every(path => fileRefused({ contract, facts }, path) === undefined)
      ? 'the edge serves no directory where /.env and /.git/config could lie'
      : undefined,
  governedBy: { path: () => '/.env', directives: ['deny', 'return', 'root', 'alias'] },
  brokenBy: hiddenOnDisk,

  async check(context) {
    const { engine, ownEdge, evidence, judging } = context
    const { edge, client } = await ownEdge()
    for (const path of ON_DISK) {
      const file = fileRefused(context, path)
      if (file === undefined) continue
      evidence('put there', file)
      await engine.putFile(edge.id, file, CONTENT)
    }
    for (const path of HIDDEN) {
      const answer = await client.http1.request({ path })
      evidence(path, outcomeOf(answer))
      judging({ path })
      expect(answer.body.includes(CONTENT), `${path} shows the file`).toBe(false)
    }
  },
})

claim('routing/hidden-below-api', {
  level: 'should',
  says: 'What a pattern of the configuration refuses as hidden is refused below the API, too.',
  source: {
    standard: 'OWASP WSTG-CONF-04; nginx, location: the first pattern that matches takes a request',
  },
  arrivesBy: apiArrives,
  needs: (contract, facts) =>
    meantForApi(contract, facts)
      ? undefined
      : 'no pattern of the configuration refuses what is hidden below the API',
  governedBy: {
    path: ({ paths }) => `${paths.api}.env`,
    directives: ['return', 'deny', 'proxy_pass'],
  },
  brokenBy: hiddenBelowApi,

  async check(context) {
    const { contract, evidence, judging } = context
    const paths = ['.env', '.git/config'].map(name => `${contract.paths.api}${name}`)
    for (const { path, answer, reached } of await ask(context, paths)) {
      const title = `${path} over ${answer.protocol}`
      evidence(title, `${outcomeOf(answer)}; ${reached.join(', ') || 'no service'}`)
      judging({ path })
      expect(reached, `services that ${title} reached`).toEqual([])
    }
  },
})

/** Whether a pattern that refuses matches there, and no prefix says that patterns do not count. */
function meantForApi(contract: Contract, facts: PlatformFacts): boolean {
  const path = `${contract.paths.api}.env`
  const scope = scopeOf({ contract, facts }, '/')
  const server = scope !== undefined && 'server' in scope ? scope.server : scope
  const locations = server?.locations ?? []
  const isShut = locations.some(
    ({ modifier, path: prefix }) => modifier === '^~' && path.startsWith(prefix),
  )
  return (
    !isShut &&
    locations.some(
      each =>
        each.modifier.startsWith('~') &&
        refuses(each) &&
        pcreMatches(each.path, each.modifier === '~*', path),
    )
  )
}

async function ask(context: ClaimContext, paths: readonly string[]) {
  const { frontend, backend, nonce } = context
  return atItsPace(
    context,
    '/.env',
    paths.flatMap(path =>
      context.client.protocols.map(protocol => async (client: ClaimContext['client']) => {
        const id = nonce()
        const answer = await askHidden(context.contract, client[protocol], { path, nonce: id })
        const arrived = [...(await frontend.requests(id)), ...(await backend.requests(id))]
        return { path, answer, reached: arrived.map(({ role }) => role) }
      }),
    ),
  )
}

/** Closed without an answer, an error, or sent away to where nothing is hidden. */
function isRefused(answer: HttpRecord): boolean {
  const { status } = answer
  if (status === undefined || status >= 400) return true
  const [location = '/.'] = header(answer, 'location')
  return status >= 300 && !isHidden(location)
}

/**
 * A rule against hidden files that names /.well-known/ as its exception has to keep its word. Where the
 * configuration of the site speaks of no exception, none is asked for here: over port 80 the challenge
 * has a claim of its own.
 */
async function wellKnownStays(context: ClaimContext): Promise<void> {
  const { contract, engine, topology, nonce, evidence, judging } = context
  const path = `/.well-known/topology-${nonce()}.txt`
  const scope = scopeOf(context, '/')
  const server = scope === undefined || !('server' in scope) ? scope : scope.server
  const isPromised = every(server?.directive.block ?? []).some(
    ({ name, args }) =>
      name === 'location' && args.at(-1)?.replaceAll('\\', '').includes('well-known'),
  )
  if (!isPromised) {
    evidence(contract.hosts.primary, 'the configuration makes no exception for /.well-known/')
    return
  }
  const file = fileBehind(context, path)
  if (file !== undefined) await engine.putFile(topology.edge.id, file, 'public')
  for (const { answer, reached } of await ask(context, [path])) {
    const title = `/.well-known/ over ${answer.protocol}`
    evidence(title, `${outcomeOf(answer)}; ${reached.join(', ') || 'no service'}`)
    const isReachable = reached.length > 0 || (answer.status ?? 500) < 400
    // A location for some of its names only leaves the rest unfound; that is no refusal, unless it is the hidden files' own.
    const isUnfound = answer.status === 404 && scopeOf(context, path) !== scopeOf(context, '/.env')
    judging({ path, directives: passingOn })
    expect(isReachable || isUnfound, `${title} is reachable (${outcomeOf(answer)})`).toBe(true)
  }
}
