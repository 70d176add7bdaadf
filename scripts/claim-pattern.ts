/**
 * A test name pattern for a glob over claim ids: `*` stands for anything within one part, `**` across parts,
 * `?` for one character, `{a,b}` for either.
 */
export function claimPattern(glob: string | undefined): RegExp | undefined {
  if (glob === undefined) return undefined
  const source = glob
    .replace(/[.+^$()|[\]\\]/g, '\\$&')
    .replace(/\*\*|\*|\?|\{|\}|,/g, token => TOKENS[token] ?? token)
  return new RegExp(`^${source}: `)
}

const TOKENS: Record<string, string> = {
  '**': '.*',
  '*': '[^/]*',
  '?': '[^/]',
  '{': '(?:',
  '}': ')',
  ',': '|',
}
