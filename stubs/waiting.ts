/** How long to wait, in milliseconds, and what makes waiting pointless before. */
export interface Patience {
  withinMs: number
  gone?: AbortSignal
}

/** Wakes those who wait for something to change, each under its own key. */
export class Waiting {
  readonly #looks = new Map<string, Set<() => void>>()

  /** Tells that what is known under `key` has changed. */
  changed(key: string): void {
    for (const look of [...(this.#looks.get(key) ?? [])]) look()
  }

  /**
   * The first defined answer of `look`, which is asked now and after each change of `key`;
   * undefined when the time is up or the asker has gone.
   */
  until<T>(key: string, look: () => T | undefined, patience: Patience): Promise<T | undefined> {
    const now = look()
    const { withinMs, gone } = patience
    if (now !== undefined || withinMs <= 0 || gone?.aborted) return Promise.resolve(now)
    return new Promise(resolve => {
      const again = () => {
        const found = look()
        if (found !== undefined) settle(found)
      }
      const giveUp = () => settle(undefined)
      const settle = (found: T | undefined) => {
        clearTimeout(timer)
        gone?.removeEventListener('abort', giveUp)
        this.#remove(key, again)
        resolve(found)
      }
      const timer = setTimeout(giveUp, withinMs)
      gone?.addEventListener('abort', giveUp)
      this.#add(key, again)
    })
  }

  #add(key: string, look: () => void): void {
    const looks = this.#looks.get(key) ?? new Set()
    this.#looks.set(key, looks.add(look))
  }

  #remove(key: string, look: () => void): void {
    const looks = this.#looks.get(key)
    looks?.delete(look)
    if (looks?.size === 0) this.#looks.delete(key)
  }
}
