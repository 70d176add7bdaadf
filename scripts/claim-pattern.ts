import { InputError } from '../fixtures/platform/input-error.ts'

/**
 * A test name pattern for a glob over claim ids: `*` stands for anything within one part, `**` across parts,
 * `?` for one character, `{a,b}` for either; a comma outside of braces parts globs.
 * @throws InputError where a brace lacks its other half.
 */
export function claimPattern(glob: string | undefined): RegExp | undefined {
  if (glob === undefined) return undefined
  const source = glob
    .replace(/[.+^$()|[\]\\]/g, '\\$&')
    .replace(/\*\*|\*|\?|\{|\}|,/g, token => TOKENS[token] ?? token)
  try {
    return new RegExp(`^(?:${source}): `)
  } catch {
    throw new InputError(`--only ${glob}: a brace lacks its other half`, {
      remedy: "Write either of two as in '{tls,sse}/*'.",
    })
  }
}

const TOKENS: Record<string, string> = {
  '**': '[^:]*',
  '*': '[^/:]*',
  '?': '[^/:]',
  '{': '(?:',
  '}': ')',
  ',': '|',
}
