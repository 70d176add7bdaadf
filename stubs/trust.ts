import { getCACertificates, setDefaultCACertificates } from 'node:tls'

/** Each certificate of a file by itself. */
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Has this process trust authorities (PEM) besides its system's, wherever a connection names none. Node's own variable
 * for this names a file that has to be there before it starts.
 */
export function trust(authorities: string): void {
  setDefaultCACertificates([
    ...getCACertificates('default'),
    ...(authorities.match(CERTIFICATES) ?? []),
  ])
}
