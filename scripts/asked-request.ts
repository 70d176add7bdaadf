import type { Contract } from '../fixtures/platform/contract.ts'
import { InputError } from '../fixtures/platform/input-error.ts'
import type { EdgeRequest } from '../fixtures/platform/nginx/request-configuration.ts'

/**
 * The request that a person means by a URL, or by a path at the primary host, with a method before it or without.
 *
 * @throws InputError when it is neither.
 */
export function askedRequest(
  text: string,
  { hosts, edge }: Pick<Contract, 'hosts' | 'edge'>,
): EdgeRequest & Required<Pick<EdgeRequest, 'scheme' | 'method' | 'port'>> {
  const [, method = 'GET', address = ''] = /^(?:([A-Z]+) +)?(.*)$/s.exec(text.trim()) ?? []
  const ports = { http: edge.httpPort, https: edge.httpsPort }
  if (address.startsWith('/')) {
    const { scheme } = edge
    return { method, scheme, port: ports[scheme], host: hosts.primary, target: address }
  }
  // By hand: `URL` would tidy up what nginx is to see as it is.
  const [, scheme = '', host = '', port, target = '/'] =
    /^(https?):\/\/([^/:?#[\]\s]+|\[[\da-f:.]+\])(?::(\d+))?([/?][^#\s]*)?(?:#.*)?$/i.exec(
      address,
    ) ?? []
  const known = scheme.toLowerCase()
  if (known !== 'http' && known !== 'https')
    throw new InputError(`"${address}" is no URL of http or https, and no path`, {
      remedy: 'Write --at https://the.host/path, --at /path, or --at "POST /path".',
    })
  return {
    method,
    scheme: known,
    port: port === undefined ? ports[known] : Number(port),
    host,
    target: target.startsWith('/') ? target : `/${target}`,
  }
}
