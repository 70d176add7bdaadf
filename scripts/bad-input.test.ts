import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { InputError } from '../fixtures/platform/input-error.ts'
import { readPlatform } from '../fixtures/platform/read-platform.ts'
import { type BadInput, badInputs, type Entry, SOUND } from './bad-inputs.ts'
import { reportFailure } from './failure.ts'

/** Most of the processor that reading may take, in milliseconds. A hang is ended by the test's own limit. */
const SOON_MS = 4_000

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

async function read(
  bad: BadInput,
): Promise<{ status: number; said: string; ms: number; touched: boolean }> {
  const base = await mkdtemp(join(tmpdir(), 'bad-input-'))
  try {
    for (const [path, entry] of Object.entries(bad.only ?? { ...SOUND, ...bad.files }))
      if (entry !== undefined) await put(join(base, path), entry)
    const before = fingerprint(base)
    const began = process.threadCpuUsage()
    const failure = await readPlatform({
      ...bad.options,
      root: join(base, bad.options?.root ?? ''),
    }).then(
      () => undefined,
      (error: unknown) => error ?? 'nothing',
    )
    const ms = process.threadCpuUsage(began).user / 1000
    const { status, said } = failure === undefined ? { status: 0, said: '' } : reported(failure)
    return {
      status,
      said: said.replaceAll(`${base}/`, ''),
      ms,
      touched: fingerprint(base) !== before,
    }
  } finally {
    await rm(base, { recursive: true, force: true })
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
