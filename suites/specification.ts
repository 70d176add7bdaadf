import type { ClaimDefinition } from '../fixtures/claim.ts'

/** A sentence of the specification. */
export interface Sentence {
  /** Stable; claims cite it. */
  key: string
  /** As it stands there. */
  text: string
}

/** Every sentence that the specification promises, in its order. Each has to be proved by a claim. */
export const specification: readonly Sentence[] = [
  {
    key: 'Network Flow Diagram',
    text: 'the picture: Client to Nginx (HTTPS/SSL :443), Nginx to NextJS (:3000), NextJS to Axum (:4000), Axum to Postgres; Nginx, NextJS and Axum in `backend_network`',
  },
  {
    key: 'Flow Description 1',
    text: 'Client Request: Web browser makes HTTPS requests (SSL/TLS encrypted) to the platform on port 443',
  },
  {
    key: 'Flow Description 2',
    text: 'SSL Termination: Nginx handles SSL termination at port 443 and routes traffic internally',
  },
  {
    key: 'Flow Description 3',
    text: 'Frontend Processing: Nginx forwards requests to NextJS frontend on port 3000',
  },
  {
    key: 'Flow Description 4',
    text: 'API Forwarding: NextJS forwards API calls to Axum backend on port 4000',
  },
  {
    key: 'Flow Description 5',
    text: 'Backend Processing: Axum backend handles API endpoints like `/api/login` with secure caching',
  },
  {
    key: 'Flow Description 6',
    text: 'Database Operations: Backend connects to Digital Ocean Managed PostgreSQL',
  },
  {
    key: 'Flow Description 7',
    text: 'SSE Connections: Long-lived `/api/sse` connections for real-time events (24h timeout, no buffering)',
  },
  {
    key: 'Digital Ocean Droplet',
    text: 'Hosts the containerized application stack (Nginx, NextJS, Axum) in the `backend_network` Docker network',
  },
  {
    key: 'Port Configuration',
    text: 'Nginx: External ports 80/443, internal routing to services; NextJS: Internal port 3000; Axum: Internal port 4000',
  },
  {
    key: 'Managed PostgreSQL',
    text: 'Separate Digital Ocean managed database service, accessed over the internet with SSL',
  },
  {
    key: 'SSL/TLS',
    text: "HTTPS encryption from client to Nginx using Let's Encrypt certificates managed by `certbot`, then unencrypted internal traffic within the container network",
  },
  {
    key: 'Database Connection',
    text: 'Axum connects to managed PostgreSQL over SSL outside the container network',
  },
  {
    key: 'SSE Configuration',
    text: 'Nginx configured for long-lived connections (24h timeout, proxy buffering disabled) at `/api/sse` endpoint',
  },
  {
    key: 'Scaling Limitation',
    text: 'SSE uses in-memory connection tracking - single backend instance only until Redis pub/sub is implemented',
  },
]

/** A standard's section that is cited beside a sentence. */
const STANDARD = /^(?:RFC \d+|BCP \d+|WHATWG|W3C|CWE-\d+|OWASP|PostgreSQL)\b/

/** What a source cites: sentences by their keys, standards, and what is neither. */
export interface Citation {
  sentences: string[]
  standards: string[]
  unknown: string[]
}

/**
 * Reads a source such as `Flow Description 5 (secure caching); SSL/TLS; RFC 9111 §3.5`: parts between
 * semicolons, each a sentence's key (a hint in parentheses may follow it) or a standard's section.
 */
export function citation(source: ClaimDefinition['source']): Citation {
  if ('standard' in source) return { sentences: [], standards: [source.standard], unknown: [] }
  const parts = source.spec.split(/;(?![^(]*\))/).map(part => part.trim())
  const keyOf = (part: string) =>
    specification.find(({ key }) => part.replace(/\s*\(.*\)$/s, '') === key)?.key
  const sentences = parts.map(keyOf).filter(key => key !== undefined)
  return {
    sentences,
    standards: parts.filter(part => STANDARD.test(part)),
    unknown: parts.filter(part => keyOf(part) === undefined && !STANDARD.test(part)),
  }
}

/** Each sentence with the claims that cite it. */
export function coverage<T extends Pick<ClaimDefinition, 'source'>>(
  claims: readonly { id: string; definition: T }[],
): { sentence: Sentence; claims: string[] }[] {
  return specification.map(sentence => ({
    sentence,
    claims: claims
      .filter(({ definition }) => citation(definition.source).sentences.includes(sentence.key))
      .map(({ id }) => id),
  }))
}

/** Claims whose source cannot be understood, each in words for whoever wrote it. */
export function misquoted<T extends Pick<ClaimDefinition, 'source'>>(
  claims: readonly { id: string; definition: T }[],
): string[] {
  const keys = specification.map(({ key }) => key).join(', ')
  return claims.flatMap(({ id, definition: { source } }) => {
    const { sentences, unknown } = citation(source)
    if (unknown.length > 0)
      return [
        `${id} cites “${unknown.join('”, “')}”, which is neither a sentence of the specification (${keys}) nor a standard (RFC, WHATWG, …)`,
      ]
    if ('spec' in source && sentences.length === 0)
      return [
        `${id} cites no sentence of the specification (${keys}): a standard alone is { standard: … }`,
      ]
    return []
  })
}
