import { expect, test } from 'vitest'
import { requireClaims } from './known-claims.ts'

const ids = ['sse/unbuffered-h1', 'sse/unbuffered-h2', 'tls/chain-complete', 'headers/hsts']

test.each([undefined, 'sse/*', '**', 'tls/chain-complete', '{tls,sse}/*', 'sse/*,headers/hsts'])(
  '%s is known',
  only => expect(() => requireClaims(only, ids)).not.toThrow(),
)

test.each([
  ['sse/unbufered-h1', 'sse/unbufered-h1', 'Did you mean "sse/unbuffered-h1"?'],
  ['sse', 'sse', 'Did you mean "sse/*"?'],
  ['ssl/*', 'ssl/*', 'Did you mean "sse/*"?'],
  ['header/*', 'header/*', 'Did you mean "headers/*"?'],
  ['sse/*,hedaers/hsts', 'hedaers/hsts', 'Did you mean "headers/hsts"?'],
  ['nothing/like/it', 'nothing/like/it', '`npm run gate -- --list`'],
])('%s is not', (only, part, remedy) => {
  expect(() => requireClaims(only, ids)).toThrow(
    expect.objectContaining({
      message: `no claim's id matches "${part}"`,
      remedy: expect.stringContaining(remedy),
    }),
  )
})
