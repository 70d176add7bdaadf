/** The modes of libpq, and of sqlx, which means the same by them. */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

const MODES: readonly string[] = [
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
] satisfies SslMode[]

/** Other spellings that sqlx takes, and libpq's own name for each. */
const SPELLINGS: Record<string, string> = {
  'ssl-mode': 'sslmode',
  'ssl-root-cert': 'sslrootcert',
  'ssl-ca': 'sslrootcert',
  'ssl-cert': 'sslcert',
  'ssl-key': 'sslkey',
}

/**
 * The encryption that a connection string asks for; `prefer` when it asks for none.
 *
 * @throws Error for a mode that there is not.
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION
 */
export function sslModeOf(url: string): SslMode {
  const { parameters } = parted(url)
  // The system's authorities are for full verification only, says libpq.
  if (parameters.get('sslrootcert') === 'system') return 'verify-full'
  const mode = parameters.get('sslmode') ?? 'prefer'
  if (!MODES.includes(mode)) throw new Error(`sslmode ${mode} does not exist`)
  return mode as SslMode
}

/** The modes that a client tries one after the other: `allow` and `prefer` are content with less. */
export function attemptsOf(mode: SslMode): [SslMode, ...SslMode[]] {
  if (mode === 'allow') return ['disable', 'prefer']
  if (mode === 'prefer') return ['prefer', 'disable']
  return [mode]
}

/** Under this name the server knows the backend's connections. */
const APPLICATION = 'backend'

/** The same connection string for one attempt, so written that `pg` reads it as libpq does. */
export function withMode(url: string, mode: SslMode): string {
  const { base, parameters } = parted(url)
  if (parameters.get('sslrootcert') === 'system') parameters.delete('sslrootcert')
  if (mode === 'disable') parameters.delete('sslrootcert')
  parameters.set('sslmode', mode)
  parameters.set('uselibpqcompat', 'true')
  // The platform may give its own name: what is asked of the server goes by this one.
  parameters.set('application_name', APPLICATION)
  return `${base}?${parameters}`
}

function parted(url: string): { base: string; parameters: URLSearchParams } {
  const question = url.indexOf('?')
  const base = question < 0 ? url : url.slice(0, question)
  const parameters = new URLSearchParams(question < 0 ? '' : url.slice(question + 1))
  for (const [spelling, name] of Object.entries(SPELLINGS)) {
    const value = parameters.get(spelling)
    if (value === null) continue
    parameters.delete(spelling)
    if (!parameters.has(name)) parameters.set(name, value)
  }
  return { base, parameters }
}
