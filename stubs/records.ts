import type { ForeignRecord, RequestRecord, Steering } from './protocol.ts'
import { type Patience, Waiting } from './waiting.ts'

/** Older ones are dropped, so that a stub's memory stays bounded under load. */
const NEWEST = 20_000

/** Key of the requests that carry no nonce; a nonce is never empty. */
const NO_NONCE = ''
const FOREIGN = 'foreign'

/** What reached a stub, newest kept, and how it was told to answer. */
export class Records {
  readonly #requests = new Map<number, RequestRecord>()
  readonly #byNonce = new Map<string, RequestRecord[]>()
  readonly #steerings = new Map<string, Steering>()
  readonly #requestsChange = new Waiting()
  readonly #foreignChange = new Waiting()
  readonly #capacity: number
  #foreign: ForeignRecord[] = []
  #lastId = 0

  constructor(capacity = NEWEST) {
    this.#capacity = capacity
  }

  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  add(record: RequestRecord): void {
    const key = record.nonce ?? NO_NONCE
    this.#requests.set(record.id, record)
    const siblings = this.#byNonce.get(key)
    if (siblings) siblings.push(record)
    else this.#byNonce.set(key, [record])
    if (this.#requests.size > this.#capacity) this.#dropOldest()
    this.changed(record)
  }

  /** Tells that a record has more to say now. */
  changed(record: RequestRecord): void {
    this.#requestsChange.changed(record.nonce ?? NO_NONCE)
  }

  addForeign(record: ForeignRecord): void {
    this.#foreign.push(record)
    if (this.#foreign.length > this.#capacity) this.#foreign.shift()
    this.#foreignChange.changed(FOREIGN)
  }

  /** The requests with a nonce, or those without one, as soon as there are enough, else when the time is up. */
  async requests(
    nonce: string | undefined,
    wanted: Patience & { atLeast: number; settled: boolean },
  ): Promise<RequestRecord[]> {
    const known = () => this.#byNonce.get(nonce ?? NO_NONCE) ?? []
    const counted = () => (wanted.settled ? known().filter(isSettled) : known()).length
    const enough = () => (counted() >= wanted.atLeast ? true : undefined)
    await this.#requestsChange.until(nonce ?? NO_NONCE, enough, wanted)
    return known()
  }

  async foreign(wanted: Patience & { atLeast: number }): Promise<ForeignRecord[]> {
    const enough = () => (this.#foreign.length >= wanted.atLeast ? true : undefined)
    await this.#foreignChange.until(FOREIGN, enough, wanted)
    return this.#foreign
  }

  steer(nonce: string, steering: Steering): void {
    this.#steerings.delete(nonce)
    this.#steerings.set(nonce, steering)
    if (this.#steerings.size <= this.#capacity) return
    const oldest = this.#steerings.keys().next()
    if (!oldest.done) this.#steerings.delete(oldest.value)
  }

  steering(nonce: string | undefined): Steering | undefined {
    return nonce === undefined ? undefined : this.#steerings.get(nonce)
  }

  /** Drops what is known of a nonce; of everything, when none is given. */
  forget(nonce: string | undefined): void {
    if (nonce === undefined) {
      this.#requests.clear()
      this.#byNonce.clear()
      this.#steerings.clear()
      this.#foreign = []
      return
    }
    for (const record of this.#byNonce.get(nonce) ?? []) this.#requests.delete(record.id)
    this.#byNonce.delete(nonce)
    this.#steerings.delete(nonce)
  }

  #dropOldest(): void {
    const oldest = this.#requests.values().next()
    if (oldest.done) return
    const record = oldest.value
    this.#requests.delete(record.id)
    const key = record.nonce ?? NO_NONCE
    const left = (this.#byNonce.get(key) ?? []).filter(other => other !== record)
    if (left.length === 0) this.#byNonce.delete(key)
    else this.#byNonce.set(key, left)
  }
}

function isSettled(record: RequestRecord): boolean {
  return record.finishedAt !== undefined || record.abortedAt !== undefined
}
