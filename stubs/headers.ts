import type { Header } from './protocol.ts'

/** Most that a head may have: more than any edge lets pass. */
export const MAX_HEADER_BYTES = 128 * 1024

/** Node's flat list of names and values, as pairs. */
export function pairs(flat: readonly string[]): Header[] {
  const list: Header[] = []
  for (let at = 0; at + 1 < flat.length; at += 2) list.push([flat[at] ?? '', flat[at + 1] ?? ''])
  return list
}

/** The first value of a header, whatever its case. */
export function headerValue(headers: readonly Header[], name: string): string | undefined {
  return headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1]
}

/** The headers but those with one of the names (lower case). */
export function leavingOut(headers: readonly Header[], names: Iterable<string>): Header[] {
  const out = new Set(names)
  return headers.filter(([name]) => !out.has(name.toLowerCase()))
}

/** Fields that belong to one connection and are never forwarded (RFC 9110 §7.6.1). */
const OF_THE_CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]

/** The headers that a proxy passes on, in order: all but hop-by-hop ones and those that `Connection` names. */
export function endToEnd(headers: readonly Header[]): Header[] {
  const named = headers
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(','))
    .map(name => name.trim().toLowerCase())
  return leavingOut(headers, [...OF_THE_CONNECTION, ...named])
}
