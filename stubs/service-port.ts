import type { Server, Socket } from 'node:net'
import { type DeafPort, openDeafPort } from './deaf-port.ts'

/**
 * A port that can be closed with all its connections, as by a process that dies, or made deaf, as by a host that
 * vanishes, and opened again.
 */
export class ServicePort {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port: number
  #deaf: DeafPort | undefined

  /** `port` 0 takes any free one, and keeps it. */
  constructor(server: Server, port: number) {
    this.#server = server
    this.#port = port
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** Gives the port. @throws Error when it is taken. */
  async open(): Promise<number> {
    if (this.#server.listening) return this.#port
    await this.#endDeafness()
    const opened = Promise.withResolvers<void>()
    this.#server.once('error', opened.reject)
    this.#server.listen(this.#port, '0.0.0.0', opened.resolve)
    await opened.promise
    this.#server.off('error', opened.reject)
    const address = this.#server.address()
    if (typeof address === 'object' && address !== null) this.#port = address.port
    return this.#port
  }

  /** Closes every connection, and leaves those that are tried from now on without any answer. */
  async deafen(): Promise<void> {
    await this.close()
    this.#deaf = await openDeafPort(this.#port)
  }

  /** How many attempts to connect were left unanswered since the port is deaf. */
  async knocks(): Promise<number> {
    return (await this.#deaf?.knocks()) ?? 0
  }

  /** Upgraded connections are no longer the server's own, and are closed all the same. */
  async close(): Promise<void> {
    await this.#endDeafness()
    if (!this.#server.listening) return
    const closed = Promise.withResolvers<void>()
    this.#server.close(() => closed.resolve())
    for (const socket of this.#sockets) socket.destroy()
    await closed.promise
  }

  async #endDeafness(): Promise<void> {
    await this.#deaf?.close()
    this.#deaf = undefined
  }
}

/** The ports of one service, the one that it is known for first. They are closed, made deaf and opened as one. */
export class ServicePorts {
  readonly #ports: readonly [ServicePort, ...ServicePort[]]

  constructor(ports: readonly [ServicePort, ...ServicePort[]]) {
    this.#ports = ports
  }

  /** Gives the first port. @throws Error when one is taken. */
  async open(): Promise<number> {
    const [first = 0] = await Promise.all(this.#ports.map(each => each.open()))
    return first
  }

  /** @see ServicePort.deafen */
  async deafen(): Promise<void> {
    await Promise.all(this.#ports.map(each => each.deafen()))
  }

  /** @see ServicePort.knocks */
  async knocks(): Promise<number> {
    const [first = 0] = await Promise.all(this.#ports.map(each => each.knocks()))
    return first
  }

  async close(): Promise<void> {
    await Promise.all(this.#ports.map(each => each.close()))
  }
}
