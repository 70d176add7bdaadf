import { type Controlled, createControl } from './control.ts'
import type { Database } from './database.ts'
import { behindTls, beside } from './entrances.ts'
import { Records } from './records.ts'
import { createService } from './service.ts'
import { ServicePort } from './service-port.ts'
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
  const service = { settings, records: new Records(), streams: new Streams() }
  const database = await databaseOf(settings)
  const server = createService(service)
  const served = new ServicePort(settings.tls ? behindTls(server) : server, settings.port)
  const further = settings.further.map(
    ({ port, tls }) => new ServicePort(tls ? behindTls(server) : beside(server), port),
  )
  const all: Controlled['port'] = {
    open: async () => (await Promise.all([served, ...further].map(each => each.open())))[0] ?? 0,
    async close() {
      await Promise.all([served, ...further].map(each => each.close()))
    },
  }
  const control = createControl({ ...service, database, port: all })
  const controlled = new ServicePort(control, settings.controlPort)
  const [port, controlPort] = await Promise.all([all.open(), controlled.open()])
  return {
    port,
    controlPort,
    async [Symbol.asyncDispose]() {
      await Promise.all([all.close(), controlled.close(), database?.close()])
    },
  }
}

/** `pg` is read only where there is a database, so that a frontend starts without it. */
async function databaseOf({ databaseUrl }: Settings): Promise<Database | undefined> {
  if (databaseUrl === undefined) return undefined
  const { Database } = await import('./database.ts')
  const database = new Database(databaseUrl)
  // The backend's ordinary connection, from the start; the control port tells what came of it.
  void database.use()
  return database
}
