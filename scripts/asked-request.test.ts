import { expect, test } from 'vitest'
import { askedRequest } from './asked-request.ts'

const contract = {
  hosts: { primary: 'site.example', served: [], redirects: [] },
  edge: { scheme: 'https', httpPort: 80, httpsPort: 443 },
} as unknown as Parameters<typeof askedRequest>[1]

test.each([
  ['/api/sse', 'GET https://site.example:443/api/sse'],
  ['POST /api/login?x=1', 'POST https://site.example:443/api/login?x=1'],
  ['https://other.example', 'GET https://other.example:443/'],
  ['http://other.example/a/../b//c#d', 'GET http://other.example:80/a/../b//c'],
  ['DELETE http://other.example:8080?x', 'DELETE http://other.example:8080/?x'],
  ['https://[::1]:8443/x', 'GET https://[::1]:8443/x'],
])('%s', (text, expected) => {
  const { method, scheme, host, port, target } = askedRequest(text, contract)
  expect(`${method} ${scheme}://${host}:${port}${target}`).toBe(expected)
})

test.each(['', 'api', 'ftp://x/', 'https://', 'get /x', 'https://a b/'])('"%s" is none', text => {
  expect(() => askedRequest(text, contract)).toThrow('is no URL of http or https, and no path')
})
