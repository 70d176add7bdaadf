import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { logsLost } from '../../fixtures/faults/running.ts'
import { anyOf, type Need, noCompose, noEdgeService } from '../../fixtures/needs.ts'
import { mountOf } from '../../fixtures/platform/mounts.ts'
import type { Directive } from '../../fixtures/platform/nginx/tree.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'

const ownImage: Need = ({ edge }, { compose }) =>
  compose?.services.find(({ name }) => name === edge.service)?.build === undefined
    ? undefined
    : "the edge's image is built here: where its log files lead is not known"

/** What the official image leads to the container's own log, and what is that log by itself. */
const READ_ANYWAY =
  /^(?:\/var\/log\/nginx\/(?:access|error)\.log|\/dev\/std(?:out|err)|\/proc\/self\/fd\/[12]|syslog:.*|stderr|off)$/

claim('isolation/logs-kept', {
  level: 'should',
  says: "The edge writes its logs where somebody reads them, in the container's own log or in a directory that is mounted, and in the formats that its files define.",
  source: { standard: 'OWASP Logging Cheat Sheet; The Twelve-Factor App XI' },
  needs: anyOf(noCompose, noEdgeService, ownImage),
  governedBy: { directives: ['access_log', 'error_log', 'log_format'] },
  brokenBy: logsLost,

  async check({ contract, facts, blame, evidence }) {
    const all = every(facts.configuration.directives)
    const edge = facts.compose?.services.find(({ name }) => name === contract.edge.service)
    const logs = all.filter(({ name }) => name === 'access_log' || name === 'error_log')
    evidence(
      'where logs go (read)',
      logs.map(({ text }) => text),
    )
    const lost = logs.filter(({ args: [path = ''] }) => {
      // Named by a variable, or relative to wherever nginx was built for: not known here.
      if (READ_ANYWAY.test(path) || !/^\/[^$]+$/.test(path)) return false
      return mountOf(path, edge?.mounts ?? []) === undefined
    })
    for (const { at, name, text } of lost) blame(at, name, text)
    expect(
      lost.map(({ text }) => text),
      'logs that end in the container, where nobody reads them',
    ).toEqual([])
    const idle = all.filter(each => each.name === 'log_format' && !isUsed(each, logs))
    const http = all.find(({ name }) => name === 'http')
    for (const each of [...idle, ...(http === undefined ? [] : [http])])
      blame(each.at, each.name, each.text)
    expect(
      idle.map(({ args: [format] }) => format),
      'formats that are defined, and that no access_log is written in',
    ).toEqual([])
  },
})

function isUsed({ args: [format] }: Directive, logs: Directive[]): boolean {
  return logs.some(({ name, args }) => name === 'access_log' && args[1] === format)
}
