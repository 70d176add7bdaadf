import { expect } from 'vitest'
import { claim } from '../../fixtures/claim.ts'
import { membersOf, nodeFor } from '../../fixtures/drawing.ts'
import { drawnOtherwise } from '../../fixtures/faults/diagram.ts'
import { anyOf, type Need, noCompose, noDiagram } from '../../fixtures/needs.ts'
import type { Compose, Service } from '../../fixtures/platform/compose.ts'
import type { Contract } from '../../fixtures/platform/contract.ts'
import type { Diagram, DiagramNode } from '../../fixtures/platform/diagram.ts'
import { isOneShot } from '../../fixtures/platform/one-shot.ts'
import type { PlatformFacts } from '../../fixtures/verdict/blame.ts'

const noBox: Need = (contract, { diagram, compose }) =>
  diagram && compose && boxOfNetwork(diagram, compose, contract) === undefined
    ? 'no box of the diagram stands for the container network'
    : undefined

claim('diagram/members', {
  // A box that does not name the network may well be drawn around less than all of it.
  level: (contract, facts) => {
    const seen = compared(contract, facts)
    return seen && !seen.isNamed && seen.undrawn.length > 0 && seen.undeployed.length === 0
      ? 'should'
      : 'must'
  },
  says: "The services inside the diagram's network box are the ones on the compose network.",
  source: { spec: 'Digital Ocean Droplet' },
  needs: anyOf(noDiagram, noCompose, noBox),
  governedBy: { compose: ({ edge }) => ({ service: edge.service, keys: ['networks'] }) },
  brokenBy: drawnOtherwise,

  async check({ contract, facts, blame, judging, evidence }) {
    const { compose, diagram } = facts
    const seen = compared(contract, facts)
    if (compose === undefined || diagram === undefined || seen === undefined) return
    const { box, network, inside, services, undrawn, undeployed } = seen
    evidence(
      `in the box "${box.label}"`,
      inside.map(({ label }) => label),
    )
    evidence(
      `on the compose network ${network}`,
      services.map(({ name }) => name),
    )
    for (const { name, at, positions } of undrawn) {
      const said = `${name}: on ${network}, and not in the box`
      blame(positions[`networks.${network}`] ?? at, `networks.${network}`, said)
      blame(at, name, said)
    }
    for (const node of undeployed) {
      const service = compose.services.find(
        each => drawnAs(each, [node], diagram, contract) === node,
      )
      const at = service?.positions.networks ?? service?.at
      if (service && at) blame(at, 'networks', `${service.name}: not on ${network}`)
      blame(node.at, 'node', node.label)
    }
    // Beside what is named, nothing governs it.
    if (undrawn.length + undeployed.length > 0) judging({ compose: [] })
    expect(
      undrawn.map(({ name }) => name),
      `services on ${network} that the box does not have`,
    ).toEqual([])
    expect(
      undeployed.map(({ label }) => label),
      `nodes in the box that are not on ${network}`,
    ).toEqual([])
  },
})

/** The box and the network beside each other: what only one of them has. */
function compared(contract: Contract, { compose, diagram }: PlatformFacts) {
  const found = compose && diagram && boxOfNetwork(diagram, compose, contract)
  if (compose === undefined || diagram === undefined || found === undefined) return undefined
  const { box, network, isNamed } = found
  const inside = membersOf(diagram, box.id)
  const services = compose.services.filter(({ networks }) =>
    networks.some(({ name }) => name === network),
  )
  const drawn = new Map(services.map(each => [each, drawnAs(each, inside, diagram, contract)]))
  return {
    ...{ box, network, isNamed, inside, services },
    // What does its work once is gone before anybody looks at the picture.
    undrawn: services.filter(each => drawn.get(each) === undefined && !isOneShot(each, compose)),
    undeployed: inside.filter(node => ![...drawn.values()].includes(node)),
  }
}

/** The box whose label names a network of the compose file; else the one around the platform's own roles. */
function boxOfNetwork(diagram: Diagram, compose: Compose, contract: Contract) {
  for (const box of diagram.boxes) {
    const words = box.label.split(/[^\w.-]+/)
    const network = compose.networks.find(
      ({ name, realName }) => words.includes(name) || words.includes(realName),
    )
    if (network !== undefined) return { box, network: network.name, isNamed: true }
  }
  const shared = contract.edge.networks.find(({ name }) =>
    [contract.frontend, contract.backend].some(({ networks }) =>
      networks.some(each => each.name === name),
    ),
  )
  const box = diagram.boxes.find(({ id }) =>
    membersOf(diagram, id).some(({ role }) => role === 'edge'),
  )
  return shared && box && { box, network: shared.name, isNamed: false }
}

/** The node that stands for a service: the one of its role, else the one that speaks of it. */
function drawnAs(
  service: Service,
  inside: DiagramNode[],
  diagram: Diagram,
  contract: Contract,
): DiagramNode | undefined {
  const role = (['edge', 'frontend', 'backend'] as const).find(
    each => contract[each].service === service.name,
  )
  if (role !== undefined) return inside.find(node => node.role === role)
  const image = service.image?.replace(/^.*\/|[:@].*$/g, '')
  const names = [service.name, service.containerName, image].filter(name => name !== undefined)
  const others = inside.filter(node => !['edge', 'frontend', 'backend'].includes(node.role ?? ''))
  return nodeFor({ ...diagram, nodes: others }, names)
}
