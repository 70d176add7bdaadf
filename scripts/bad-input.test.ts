import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { InputError } from '../fixtures/platform/input-error.ts'
import { readPlatform } from '../fixtures/platform/read-platform.ts'
import { badInputs } from './bad-inputs.ts'
import { reportFailure } from './failure.ts'
import { type BadInput, type Entry, SOUND } from './sound-platform.ts'

/** Most of the processor that reading may take, in milliseconds. A hang is ended by the test's own limit. */
const SOON_MS = 10_000

test('the sound platform is read', async () => {
  expect(await read({ what: 'nothing wrong' })).toMatchObject({ status: 0 })
})

for (const [subject, cases] of Object.entries(badInputs))
  describe(subject, () => {
    test.each(cases)('$what', { timeout: 60_000 }, async bad => {
      const { status, said, ms, touched } = await read(bad)
      expect({ said, touched }).toMatchObject({ touched: false })
      expect(ms).toBeLessThan(SOON_MS)
      if (bad.says === undefined) return expect(said).toBe('')
      // One message: place and fault in a line, what to do in another.
      if (!said.startsWith(`✗ ${bad.says}`)) expect(said).toBe(`✗ ${bad.says}`)
      expect(said).toMatch(/^✗ [^\n]+\n {2}→ [^\n]+\n$/)
      expect(status).toBe(2)
    })
  })

test('what may not be read', { timeout: 60_000 }, async () => {
  await using platform = await written(SOUND)
  await chmod(platform.root, 0o755)
  await chmod(join(platform.root, 'nginx/nginx.conf'), 0)
  // The superuser may read everything.
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const script = `
    const { readPlatform } = await import(${JSON.stringify(besides('../fixtures/platform/read-platform.ts'))})
    const { reportFailure } = await import(${JSON.stringify(besides('failure.ts'))})
    process.exitCode = await readPlatform({ root: '.' }).then(() => 0, reportFailure)`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    ...nobody,
    cwd: platform.root,
    encoding: 'utf8',
  })
  expect(stderr).toBe(
    '✗ nginx/nginx.conf: it may not be read\n  → Give the current user the right to read it.\n',
  )
  expect(status).toBe(2)
})

test('the gate itself ends with 2, one message, and nothing touched', {
  timeout: 120_000,
}, async () => {
  await using platform = await written({ ...SOUND, 'nginx/nginx.conf': 'events {' })
  const before = fingerprint(platform.root)
  const gate = fileURLToPath(new URL('gate.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [gate, '--platform', platform.root, '--json', '--report', join(platform.root, 'report')],
    { encoding: 'utf8' },
  )
  expect(stderr.split('\n').filter(line => !/^ *[\d.]+ s {2}/.test(line))).toEqual([
    '✗ nginx/nginx.conf:1:9: unexpected end of file, expecting "}"',
    '  → The block "events {" of line 1 is never closed; add its "}".',
    '',
  ])
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  await rm(join(platform.root, 'report'), { recursive: true, force: true })
  expect(fingerprint(platform.root)).toBe(before)
})

function besides(path: string): string {
  return new URL(path, import.meta.url).href
}

async function written(files: Record<string, Entry>): Promise<AsyncDisposable & { root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'bad-input-'))
  for (const [path, entry] of Object.entries(files)) await put(join(root, path), entry)
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) }
}

async function read(
  bad: BadInput,
): Promise<{ status: number; said: string; ms: number; touched: boolean }> {
  await using platform = await written(bad.only ?? { ...SOUND, ...bad.files })
  const { root } = platform
  const before = fingerprint(root)
  const began = process.threadCpuUsage()
  const failure = await readPlatform({
    ...bad.options,
    root: join(root, bad.options?.root ?? ''),
  }).then(
    () => undefined,
    (error: unknown) => error ?? 'nothing',
  )
  const ms = process.threadCpuUsage(began).user / 1000
  const { status, said } = failure === undefined ? { status: 0, said: '' } : reported(failure)
  return {
    status,
    said: said.replaceAll(`${root}/`, ''),
    ms,
    touched: fingerprint(root) !== before,
  }
}

function reported(failure: unknown): { status: number; said: string } {
  // A defect of the suite shows itself as it is.
  if (!(failure instanceof InputError)) throw failure
  using write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const status = reportFailure(failure)
  return { status, said: write.mock.calls.flat().join('') }
}

async function put(path: string, entry: Entry): Promise<void> {
  if (typeof entry === 'string' || Buffer.isBuffer(entry)) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, entry)
  } else if ('link' in entry) {
    await mkdir(dirname(path), { recursive: true })
    await symlink(entry.link, path)
  } else await mkdir(path, { recursive: true })
}

/** Of everything below a directory: names, kinds, contents, times. */
function fingerprint(directory: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(directory).sort()) {
    const path = join(directory, name)
    const found = lstatSync(path)
    hash.update(`${name}\0${found.mode}\0${found.mtimeMs}\0`)
    if (found.isDirectory()) hash.update(fingerprint(path))
    else if (found.isSymbolicLink()) hash.update(readlinkSync(path))
    else hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}
