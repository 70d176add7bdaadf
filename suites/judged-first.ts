/**
 * The suites that state what others rest on, in the order in which they are judged, before all other suites.
 * A claim that fails waits for the verdicts of those it rests on, which must be stated in its own suite or in one
 * before it: otherwise each could wait for the other.
 */
export const JUDGED_FIRST: readonly string[] = [
  'isolation/network',
  'routing/services',
  'tls/termination',
  'routing/routes',
  'tls/certificates',
  'database/connection',
  'redirects/plain-http',
  'redirects/acme',
]

/** Where a suite stands in that order: those that nothing rests on share the last place. */
export function placeOf(suiteFile: string): number {
  const place = JUDGED_FIRST.findIndex(suite => suiteFile.endsWith(`/suites/${suite}.ts`))
  return place < 0 ? JUDGED_FIRST.length : place
}
