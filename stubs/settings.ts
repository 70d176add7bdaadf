import { CONTROL_PORT, type StubPaths, type StubPort } from './protocol.ts'

/** All that a stub is told at its start. */
export interface Settings {
  role: 'frontend' | 'backend'
  instance: string
  port: number
  /** Whether its port speaks TLS. */
  tls: boolean
  /** Further ports, which are taken for the same service. */
  further: StubPort[]
  controlPort: number
  token: string
  paths: StubPaths
  /** Where a frontend sends API requests; absent when they do not pass it. */
  backendUrl?: URL
  /** The platform's own connection string. */
  databaseUrl?: string
}

type Environment = Record<string, string | undefined>

/**
 * The settings in the environment: `STUB_ROLE`, `STUB_INSTANCE`, `STUB_PORT`, `STUB_TLS` (`true`),
 * `STUB_FURTHER` (a list of ports), `STUB_CONTROL_PORT`,
 * `STUB_TOKEN`, `STUB_PATHS`, `STUB_BACKEND_URL`, `STUB_DATABASE_URL`. Port 0 takes any free one.
 *
 * @throws Error naming the variable that is missing or wrong.
 */
export function readSettings(environment: Environment): Settings {
  const role = needed(environment, 'STUB_ROLE')
  if (role !== 'frontend' && role !== 'backend') {
    throw new Error(`STUB_ROLE must be frontend or backend, not ${role}`)
  }
  const settings: Settings = {
    role,
    instance: environment.STUB_INSTANCE ?? role,
    port: port(needed(environment, 'STUB_PORT'), 'STUB_PORT'),
    tls: environment.STUB_TLS === 'true',
    further: readPorts(environment.STUB_FURTHER ?? '[]'),
    controlPort: port(environment.STUB_CONTROL_PORT ?? `${CONTROL_PORT}`, 'STUB_CONTROL_PORT'),
    token: needed(environment, 'STUB_TOKEN'),
    paths: readPaths(needed(environment, 'STUB_PATHS')),
  }
  if (role === 'frontend' && environment.STUB_BACKEND_URL) {
    settings.backendUrl = new URL(environment.STUB_BACKEND_URL)
  }
  if (role === 'backend' && environment.STUB_DATABASE_URL) {
    settings.databaseUrl = environment.STUB_DATABASE_URL
  }
  return settings
}

function needed(environment: Environment, name: string): string {
  const value = environment[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}

function port(text: string, name: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > 65_535) {
    throw new Error(`${name} must be a port, not ${text}`)
  }
  return value
}

/** A list of ports, as JSON. */
export function readPorts(text: string): StubPort[] {
  return JSON.parse(text) as StubPort[]
}

function readPaths(text: string): StubPaths {
  const paths = JSON.parse(text) as Partial<Record<keyof StubPaths, unknown>>
  for (const name of ['api', 'apiAtBackend', 'login', 'static'] as const) {
    if (typeof paths[name] !== 'string') throw new Error(`STUB_PATHS lacks ${name}`)
  }
  return paths as StubPaths
}
