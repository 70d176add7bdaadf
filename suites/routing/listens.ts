import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { listensElsewhere } from '../../fixtures/faults/settings.ts'
import { anyOf, type Need, noCompose } from '../../fixtures/needs.ts'
import { commandPort } from '../../fixtures/platform/command-port.ts'
import type { Service } from '../../fixtures/platform/compose.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import {
  isForItself,
  type ListenSetting,
  listenSettings,
} from '../../fixtures/platform/listen-settings.ts'
import { every } from '../../fixtures/platform/nginx/walk.ts'
import { everyUpstream } from '../../fixtures/platform/upstreams.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

const ROLES = ['frontend', 'backend'] as const

const saysNothing: Need = (contract, facts) =>
  ROLES.some(role => settingsOf(role, contract, facts).settings.length > 0)
    ? undefined
    : 'no service is told where to listen by its environment'

claim('routing/listens-where-called', {
  level: 'should',
  says: 'Frontend and backend are told to listen where they are called: at the port, and at an address that others reach.',
  source: { spec: 'Port Configuration' },
  needs: anyOf(noCompose, saysNothing),
  governedBy: {
    compose: ({ frontend, backend }) =>
      [frontend, backend].map(({ service }) => ({ service, keys: ['environment'] })),
  },
  brokenBy: listensElsewhere,

  async check({ contract, facts, blame, evidence }) {
    for (const role of ROLES) {
      const { service, settings } = settingsOf(role, contract, facts)
      if (service === undefined) continue
      const called = calledAt(role, contract, facts)
      evidence(`${role} (read from the compose file)`, {
        told: settings.map(inWords),
        'called at ports': called,
      })
      const ports = settings.filter(({ port }) => port !== undefined)
      const isMet = ports.some(({ port }) => called.includes(port ?? 0))
      const isInDoubt = called.length === 0 || isMet || saysOtherwise(service, called)
      const wrong = [
        ...settings.filter(({ address }) => isForItself(address ?? '')),
        ...(isInDoubt ? [] : ports.filter(({ isCertain }) => isCertain)),
      ]
      for (const { variable } of wrong) {
        const at = service.positions[`environment.${variable}`] ?? service.at
        blame(at, `environment.${variable}`, `${service.name}: ${variable}`)
      }
      for (const { at, name, text } of wrong.length === 0 ? [] : callsOf(role, contract, facts))
        blame(at, name, text)
      expect(
        wrong.map(inWords),
        `settings of ${service.name} that keep it from being reached at ${called.join(', ')}`,
      ).toEqual([])
    }
  },
})

function settingsOf(role: (typeof ROLES)[number], contract: Contract, { compose }: PlatformFacts) {
  const service = compose?.services.find(({ name }) => name === contract[role].service)
  return { service, settings: service === undefined ? [] : listenSettings(service, role) }
}

/** Whether its command, or a port that it publishes, makes it listen where it is called: that outweighs a variable. */
function saysOtherwise(service: Service, called: readonly number[]): boolean {
  const told = [
    commandPort(service)?.port,
    ...service.ports.map(({ containerPort }) => containerPort),
  ]
  return told.some(port => port !== undefined && called.includes(port))
}

/** The lines of nginx's files that call a service by name and port. */
function callsOf(
  role: (typeof ROLES)[number],
  contract: Contract,
  { configuration }: PlatformFacts,
) {
  const { names } = contract[role]
  const isCall = (arg: string) =>
    names.some(name => arg.replace(/^\w+:\/\//, '').startsWith(`${name}:`))
  return every(configuration.directives).filter(
    ({ args, block }) => block === undefined && args.some(isCall),
  )
}

/** The ports at which the edge, or the frontend, calls a service. */
function calledAt(
  role: (typeof ROLES)[number],
  contract: Contract,
  { configuration }: PlatformFacts,
): number[] {
  const { names } = contract[role]
  const ports = everyUpstream(configuration)
    .filter(({ host }) => names.includes(host))
    .map(({ port }) => port)
  const { forwarding } = contract
  const forwarded = role === 'backend' && forwarding && names.includes(forwarding.host)
  return [...new Set([...ports, ...(forwarded ? [forwarding.port] : [])])]
}

function inWords({ variable, address, port }: ListenSetting): string {
  return `${variable}: ${[address, port].filter(each => each !== undefined).join(':')}`
}
