import { answerHead, type Exchange, finish } from './exchange.ts'
import type { Header, StreamState } from './protocol.ts'
import { Waiting } from './waiting.ts'

interface Stream {
  state: StreamState
  exchange: Exchange
  handedOut: boolean
}

/** How many closed streams are remembered. */
const CLOSED_KEPT = 2_000

/** The event streams of a stub, in memory, as the real backend keeps them. */
export class Streams {
  readonly #streams = new Map<number, Stream>()
  readonly #waiting = new Waiting()
  #lastId = 0

  /** Answers as an event stream; its headers leave at once, its events come from the steerer. */
  open(exchange: Exchange, head: { status: number; headers: Header[] }): void {
    this.#lastId += 1
    const openedAt = Date.now()
    const state: StreamState = { id: this.#lastId, request: exchange.record, open: true, openedAt }
    answerHead(exchange, head)
    exchange.res.flushHeaders()
    this.#streams.set(state.id, { state, exchange, handedOut: false })
    this.#changed(state)
    exchange.res.on('close', () => {
      this.#close(state, 'client')
    })
  }

  /** The oldest stream of a nonce that was not handed out before. */
  async next(nonce: string, withinMs: number, gone: AbortSignal): Promise<StreamState | undefined> {
    const fresh = () => {
      for (const stream of this.#streams.values()) {
        if (stream.state.request.nonce === nonce && !stream.handedOut) return stream
      }
      return undefined
    }
    const found = await this.#waiting.until(`nonce ${nonce}`, fresh, { withinMs, gone })
    if (!found) return undefined
    found.handedOut = true
    return found.state
  }

  /** Writes bytes to a stream; one that is closed stays so, and the state says it. */
  send(id: number, data: Buffer): StreamState {
    const { state, exchange } = this.#find(id)
    if (state.open) exchange.res.write(data)
    return state
  }

  /** Ends a stream as a server does that is done, or by cutting its connection. */
  end(id: number, abruptly: boolean): StreamState {
    const { state, exchange } = this.#find(id)
    if (!state.open) return state
    this.#close(state, 'stub')
    if (abruptly) {
      finish(exchange.record, exchange.records)
      exchange.res.destroy()
    } else exchange.res.end()
    return state
  }

  async state(id: number, closedWithinMs: number, gone: AbortSignal): Promise<StreamState> {
    const { state } = this.#find(id)
    const closed = () => (state.open ? undefined : state)
    await this.#waiting.until(`stream ${id}`, closed, { withinMs: closedWithinMs, gone })
    return state
  }

  /** Writes bytes to every open stream and says to how many. */
  publish(data: Buffer): number {
    const open = [...this.#streams.values()].filter(({ state }) => state.open)
    for (const { exchange } of open) exchange.res.write(data)
    return open.length
  }

  /** Writes to every open stream of a nonce an event of its own: the target of the request that opened it. */
  publishTargets(nonce: string): number {
    const open = [...this.#streams.values()].filter(
      ({ state }) => state.open && state.request.nonce === nonce,
    )
    for (const { state, exchange } of open) exchange.res.write(`data: ${state.request.target}\n\n`)
    return open.length
  }

  #find(id: number): Stream {
    const stream = this.#streams.get(id)
    if (!stream) throw new Error(`no stream ${id} is known here`)
    return stream
  }

  #close(state: StreamState, by: 'client' | 'stub'): void {
    if (!state.open) return
    state.open = false
    state.closedAt = Date.now()
    state.closedBy = by
    this.#changed(state)
    if (this.#streams.size > CLOSED_KEPT) this.#dropOldestClosed()
  }

  #changed(state: StreamState): void {
    this.#waiting.changed(`stream ${state.id}`)
    this.#waiting.changed(`nonce ${state.request.nonce}`)
  }

  #dropOldestClosed(): void {
    for (const { state } of this.#streams.values()) {
      if (state.open) continue
      this.#streams.delete(state.id)
      return
    }
  }
}
