import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Database } from './database.ts'
import type { StandInCertificate } from './protocol.ts'
import { createTestAuthority } from './testing/authority.ts'

const HOST = 'db.example'
const PLAIN = 'in plain text'

let directory: string
let rootFile: string
/** From the right authority with the right name; with another name; from another authority. */
let right: StandInCertificate
let otherName: StandInCertificate
let otherAuthority: StandInCertificate

beforeAll(async () => {
  const [authority, stranger] = await Promise.all(['Right', 'Other'].map(createTestAuthority))
  if (!authority || !stranger) throw new Error('no authority was made')
  right = await authority.issue(HOST)
  otherName = await authority.issue('elsewhere.example')
  otherAuthority = await stranger.issue(HOST)
  directory = await mkdtemp(join(tmpdir(), 'stub-database-'))
  rootFile = join(directory, 'root.crt')
  await writeFile(rootFile, authority.root)
})

afterAll(() => rm(directory, { recursive: true }))

/** `ROOT` in the query stands for the file of the right authority. */
function database(query: string): Database {
  return new Database(`postgres://app:s3cret@${HOST}:25060/app${query.replace('ROOT', rootFile)}`)
}

describe('a backend that meets a server without encryption', () => {
  test.each([
    ['', PLAIN],
    ['?sslmode=disable', PLAIN],
    ['?sslmode=allow', PLAIN],
    ['?sslmode=prefer', PLAIN],
    ['?sslmode=require', 'no'],
    ['?sslmode=verify-ca&sslrootcert=ROOT', 'no'],
    ['?sslmode=verify-full&sslrootcert=ROOT', 'no'],
    ['?sslmode=require&sslnegotiation=direct', 'no'],
  ])('with %j: goes on %s', async (query, wentOn) => {
    const record = await database(query).connect('plain-text')
    expect(record).toMatchObject({ connected: false, wentOn })
    expect(record.error).toBeDefined()
  })
})

describe('a backend that meets a server of another authority', () => {
  test.each([
    ['', 'encrypted'],
    ['?sslmode=disable', PLAIN],
    ['?sslmode=allow', PLAIN],
    ['?sslmode=prefer', 'encrypted'],
    ['?sslmode=require', 'encrypted'],
    ['?sslmode=require&sslnegotiation=direct', 'encrypted'],
    ['?sslmode=require&sslrootcert=ROOT', 'no'],
    ['?sslmode=verify-ca&sslrootcert=ROOT', 'no'],
    ['?sslmode=verify-full&sslrootcert=ROOT', 'no'],
    ['?sslmode=verify-full', 'no'],
    ['?sslrootcert=system', 'no'],
  ])('with %j: goes on %s', async (query, wentOn) => {
    const record = await database(query).connect('other-authority', otherAuthority)
    expect(record).toMatchObject({ connected: false, wentOn })
  })
})

describe('a backend that meets a server with another name', () => {
  test.each([
    ['?sslmode=require', 'encrypted'],
    ['?sslmode=verify-ca&sslrootcert=ROOT', 'encrypted'],
    ['?sslmode=verify-full&sslrootcert=ROOT', 'no'],
    ['?ssl-mode=verify-full&ssl-root-cert=ROOT', 'no'],
  ])('with %j: goes on %s', async (query, wentOn) => {
    const record = await database(query).connect('other-name', otherName)
    expect(record).toMatchObject({ connected: false, wentOn })
  })
})

describe('a backend', () => {
  test('goes on to a server that has the right name from the right authority', async () => {
    const strict = database('?sslmode=verify-full&sslrootcert=ROOT')
    expect(await strict.connect('other-name', right)).toMatchObject({ wentOn: 'encrypted' })
  })

  test('says what is wrong with its connection string, without the password', async () => {
    const missing = await database('?sslmode=verify-full&sslrootcert=/nowhere/s3cret').use()
    expect(missing.error).toContain('ENOENT')
    expect(missing.error).not.toContain('s3cret')
    const absent = await database('?sslmode=sure').use()
    expect(absent).toEqual({ connected: false, error: 'Error: sslmode sure does not exist' })
  })

  test('says that its database is not there', async () => {
    const nobody = new Database('postgres://app:s3cret@127.0.0.1:1/app')
    const record = { connected: false, error: expect.stringContaining('ECONNREFUSED') }
    expect(await nobody.use()).toEqual(record)
    expect(await nobody.connect('platform')).toEqual(record)
  })
})
