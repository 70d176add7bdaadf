import type { StubPaths } from './protocol.ts'

/** The path of a request target, without its query. */
export function pathOf(target: string): string {
  const question = target.indexOf('?')
  return question < 0 ? target : target.slice(0, question)
}

/** A path or target of the API as the backend sees it: the prefix kept, or replaced. */
export function atBackend(target: string, { api, apiAtBackend }: StubPaths): string {
  return target.startsWith(api) ? apiAtBackend + target.slice(api.length) : target
}
