import { createControl } from './control.ts'
import type { Database } from './database.ts'
import { behindTls, beside } from './entrances.ts'
import { Records } from './records.ts'
import type { Redis } from './redis.ts'
import { createService } from './service.ts'
import { ServicePort, ServicePorts } from './service-port.ts'
import type { Settings } from './settings.ts'
import { Streams } from './streams.ts'

/** A stub whose ports are open. */
export interface Stub extends AsyncDisposable {
  port: number
  controlPort: number
}

/**
 * Opens a stub's service and control ports on every address.
 *
 * @throws Error when a port is taken.
 */
export async function openStub(settings: Settings): Promise<Stub> {
  const database = await databaseOf(settings)
  const service = { settings, records: new Records(), streams: new Streams(), database }
  const redis = await redisOf(settings, service.streams)
  const server = createService(service)
  const served = new ServicePorts([
    new ServicePort(settings.tls ? behindTls(server) : server, settings.port),
    ...settings.further.map(
      ({ port, tls }) => new ServicePort(tls ? behindTls(server) : beside(server), port),
    ),
  ])
  const control = createControl({ ...service, redis, port: served })
  const controlled = new ServicePort(control, settings.controlPort)
  const [port, controlPort] = await Promise.all([served.open(), controlled.open()])
  return {
    port,
    controlPort,
    async [Symbol.asyncDispose]() {
      redis?.close()
      await Promise.all([served.close(), controlled.close(), database?.close()])
    },
  }
}

/** `pg` is read only where there is a database, so that a frontend starts without it. */
async function databaseOf({
  databaseUrl,
  keepsDeadConnections: keepsDead,
}: Settings): Promise<Database | undefined> {
  if (databaseUrl === undefined) return undefined
  const { Database } = await import('./database.ts')
  const database = new Database(databaseUrl, { keepsDead })
  // The backend's ordinary connection, from the start; the control port tells what came of it.
  void database.use()
  return database
}

/** Its client is read only where there is one. Nothing is asked of it before somebody orders so. */
async function redisOf({ redisUrl }: Settings, streams: Streams): Promise<Redis | undefined> {
  if (redisUrl === undefined) return undefined
  const { Redis } = await import('./redis.ts')
  return new Redis(redisUrl, data => streams.publish(data))
}
