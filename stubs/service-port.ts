import type { Server, Socket } from 'node:net'

/** A port that can be closed with all its connections, as by a process that dies, and opened again. */
export class ServicePort {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port: number

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
    const opened = Promise.withResolvers<void>()
    this.#server.once('error', opened.reject)
    this.#server.listen(this.#port, '0.0.0.0', opened.resolve)
    await opened.promise
    this.#server.off('error', opened.reject)
    const address = this.#server.address()
    if (typeof address === 'object' && address !== null) this.#port = address.port
    return this.#port
  }

  /** Upgraded connections are no longer the server's own, and are closed all the same. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = Promise.withResolvers<void>()
    this.#server.close(() => closed.resolve())
    for (const socket of this.#sockets) socket.destroy()
    await closed.promise
  }
}
