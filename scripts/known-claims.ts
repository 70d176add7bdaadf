import { InputError } from '../fixtures/platform/input-error.ts'
import { nearest } from '../fixtures/platform/nearest-word.ts'
import { claimPattern } from './claim-pattern.ts'

/**
 * Refuses a choice of claims that none of them meets, before anything starts: `--only sse/unbufered-h1`.
 * @throws InputError naming the part that meets none, with the id (or subject) that it is nearest to.
 */
export function requireClaims(only: string | undefined, ids: readonly string[]): void {
  if (only === undefined) return
  // The commas within braces part nothing.
  for (const glob of only.split(/,(?![^{]*\})/)) {
    const pattern = claimPattern(glob)
    if (ids.some(id => pattern?.test(`${id}: `))) continue
    throw new InputError(`no claim's id matches "${glob}"`, { remedy: nextStep(glob, ids) })
  }
}

function nextStep(glob: string, ids: readonly string[]): string {
  const list = '`npm run gate -- --list` shows every id.'
  const [subject = '', name] = glob.split('/')
  const subjects = [...new Set(ids.map(id => id.split('/')[0] ?? ''))]
  // A subject alone stands for none of its claims.
  if (name === undefined && subjects.includes(glob)) return `Did you mean "${glob}/*"? ${list}`
  const whole = /[*?{]/.test(glob) ? undefined : nearest(glob, ids)
  if (whole !== undefined) return `Did you mean "${whole}"? ${list}`
  const near = subjects.includes(subject) ? undefined : nearest(subject, subjects)
  return near === undefined ? list : `Did you mean "${near}/${name ?? '*'}"? ${list}`
}
