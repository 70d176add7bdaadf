import { posix } from 'node:path'
import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { outcomeOf } from '../../fixtures/edge-answers.ts'
import { traversable } from '../../fixtures/faults/files.ts'
import { servedDirectories } from '../../fixtures/served-files.ts'

const CONTENT = 'a file beside what is served'

/** Ways up out of a directory: below it, and with its own last slash left off. */
const WAYS_UP = [
  '/../',
  '../',
  '/%2e%2e/',
  '%2e%2e/',
  '/..%2f',
  '..%2f',
  '/%2e%2e%2f',
  '//../',
  '/..%5c',
  '/x/../../',
  '/.%2e/',
]

claim('routing/no-traversal', {
  level: 'must',
  says: 'No encoded or doubled path, and none with a slash left off, leaves a directory that the edge serves.',
  source: { standard: 'CWE-22; nginx documentation of alias' },
  needs: (contract, facts) =>
    servedDirectories({ contract, facts }).length === 0
      ? 'the edge serves no directory from its disk'
      : undefined,
  governedBy: { path: () => '/', directives: ['alias', 'root'] },
  brokenBy: traversable,

  async check(context) {
    const { client, engine, topology, nonce, blame, evidence } = context
    for (const { scheme, host, prefix, directory, location } of servedDirectories(context)) {
      const stray = `topology-${nonce()}.txt`
      const above = posix.dirname(directory)
      await engine.putFile(topology.edge.id, posix.join(above, stray), CONTENT)
      // Something has to be there to leave.
      await engine.putFile(topology.edge.id, posix.join(directory, 'topology-inside.txt'), 'served')
      const bare = prefix.replace(/\/+$/, '')
      // A path begins with a slash, also where the whole site is served.
      const paths = WAYS_UP.map(way => `${bare}${way}${stray}`).filter(path => path.startsWith('/'))
      const answers = await Promise.all(
        paths.map(path => client.http1.request({ scheme, host, path, fresh: true })),
      )
      evidence(
        `${scheme}://${host}${prefix} (${directory})`,
        answers.map((answer, index) => `${paths[index]?.replace(stray, '…')} ${outcomeOf(answer)}`),
      )
      const escaped = answers.filter(({ body }) => body.includes(CONTENT))
      if (escaped.length > 0) blame(location.directive.at, 'location', location.directive.text)
      expect(
        escaped.map(({ url }) => url.replace(stray, '…')),
        `ways out of ${directory}`,
      ).toEqual([])
    }
  },
})
