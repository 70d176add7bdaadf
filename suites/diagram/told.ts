import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { frontendUntold } from '../../fixtures/faults/settings.ts'
import { anyOf, type Need, noCompose, noDiagram } from '../../fixtures/needs.ts'

/** What may tell a service of another besides its environment, and is not read. */
const OTHER_WAYS = ['env_file', 'secrets', 'configs', 'build'] as const

const noForwarding: Need = ({ apiHops, frontend, backend }, { compose }) => {
  if (!apiHops.includes('frontend')) return 'the API does not pass the frontend'
  if (backend.service === undefined) return 'no service of the compose file is the backend'
  const service = compose?.services.find(({ name }) => name === frontend.service)
  if (service === undefined) return 'no service of the compose file is the frontend'
  const way = OTHER_WAYS.find(key => service.positions[key] !== undefined)
  return way && `${service.name} may be told of the backend by its ${way}`
}

claim('diagram/frontend-told', {
  level: 'should',
  says: 'A frontend through which the diagram leads the API is told where the backend is.',
  source: { spec: 'Flow Description 4 (API Forwarding); Network Flow Diagram' },
  needs: anyOf(noCompose, noDiagram, noForwarding),
  governedBy: {
    compose: ({ frontend }) => ({ service: frontend.service, keys: ['environment'] }),
  },
  brokenBy: frontendUntold,

  async check({ contract, facts, evidence }) {
    const { frontend, backend } = contract
    const service = facts.compose?.services.find(({ name }) => name === frontend.service)
    const telling = Object.entries(service?.environment ?? {})
      .filter(([, value]) => backend.names.some(name => wordIn(name, value)))
      .map(([name]) => name)
    evidence(
      "variables of the frontend's environment that name the backend (read from the compose file)",
      telling,
    )
    const { variable, host, port } = contract.forwarding ?? {}
    evidence('where it sends the API', variable ? `${host}:${port} (${variable})` : 'not told')
    const told = new Set([...telling, ...(variable ? [variable] : [])])
    expect(told.size, 'how many variables tell the frontend where the backend is').toBeGreaterThan(
      0,
    )
  },
})

function wordIn(name: string, value: string): boolean {
  return value.split(/[^\w.-]+/).includes(name)
}
