import { expect } from 'vitest'
import { everywhere } from '../../fixtures/changes.ts'
import { claim } from '../../fixtures/claim.ts'
import { privilegedWorkers } from '../../fixtures/faults/running.ts'

claim('isolation/workers-unprivileged', {
  level: 'should',
  says: "The edge's workers, which read what strangers send, do not run as root.",
  source: { standard: 'CIS NGINX Benchmark 2.2.1' },
  governedBy: { directives: ['user'] },
  brokenBy: privilegedWorkers,
  // As nginx's own packages and images have it.
  mendedBy: [everywhere('user').set('nginx')],

  async check({ facts, blame, evidence }) {
    const user = facts.configuration.directives.find(({ name }) => name === 'user')
    const [account] = user?.args ?? []
    evidence('user of the workers (read)', account ?? "nginx's own, which is not root")
    if (user !== undefined) blame(user.at, user.name, user.text)
    const may = account === 'root' ? 'root, who may do everything' : 'one without privileges'
    expect(may, 'user of the workers').toBe('one without privileges')
  },
})
