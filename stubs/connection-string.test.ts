import { describe, expect, test } from 'vitest'
import { attemptsOf, sslModeOf, withMode } from './connection-string.ts'

const BASE = 'postgres://u:p@db.example:25060/app'

describe('the encryption that a connection string asks for', () => {
  test.each([
    ['', 'prefer'],
    ['?sslmode=disable', 'disable'],
    ['?application_name=x&sslmode=verify-full', 'verify-full'],
    ['?ssl-mode=require', 'require'],
    ['?sslrootcert=system', 'verify-full'],
  ])('%j asks for %s', (query, mode) => {
    expect(sslModeOf(BASE + query)).toBe(mode)
  })

  test('a mode that there is not is named', () => {
    expect(() => sslModeOf(`${BASE}?sslmode=sure`)).toThrow('sslmode sure does not exist')
  })

  test('only allow and prefer are content with less than they try for', () => {
    expect(attemptsOf('allow')).toEqual(['disable', 'prefer'])
    expect(attemptsOf('prefer')).toEqual(['prefer', 'disable'])
    for (const mode of ['disable', 'require', 'verify-ca', 'verify-full'] as const) {
      expect(attemptsOf(mode)).toEqual([mode])
    }
  })
})

describe('a connection string for one attempt', () => {
  test('everything before the query stays as it is', () => {
    expect(withMode(`${BASE}?sslmode=prefer`, 'require')).toBe(
      `${BASE}?sslmode=require&uselibpqcompat=true&application_name=backend`,
    )
  })

  test('the server knows the backend by one name, whatever the platform calls itself', () => {
    const url = withMode(`${BASE}?application_name=coaching-api`, 'require')
    expect(new URL(url).searchParams.getAll('application_name')).toEqual(['backend'])
  })

  test('the authority is kept under its usual name, however it was spelled', () => {
    const url = withMode(`${BASE}?ssl-root-cert=/etc/ca.pem`, 'verify-full')
    expect(new URL(url).searchParams.get('sslrootcert')).toBe('/etc/ca.pem')
  })

  test('the system as authority names no file', () => {
    expect(withMode(`${BASE}?sslrootcert=system`, 'verify-full')).not.toContain('sslrootcert')
  })
})
