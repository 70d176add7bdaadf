import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs, styleText } from 'node:util'
import { STYLES } from '../fixtures/platform/styles/every.ts'
import { below, type Style } from '../fixtures/platform/styles/style.ts'
import { temporaryPlatform } from '../fixtures/platform/temporary-platform.ts'
import type { Verdict } from '../fixtures/verdict/schema.ts'
import { differences, inWords, type Said } from './judge-style.ts'

const HELP = `npm run styles [-- options] [WORDS]

Runs the gate, without drills, on platforms in the styles in which others write theirs, and compares what must
hold and does not with what each deserves. WORDS: only the styles whose names, with their subjects, hold them.

  -j NUMBER      so many at once (default: one for each processor, two at most)
  --list         the styles and what each deserves, and judge nothing
  --keep DIR     leave each platform and its verdict there

Exit status: 0 every verdict is as expected; 1 one is not.
`

/** Lines that tell how far the gate is. */
const PROGRESS = /^ +\d+\.\d s .*\n/gm

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    jobs: { type: 'string', short: 'j' },
    list: { type: 'boolean' },
    keep: { type: 'string' },
  },
})
const styles = STYLES.filter(({ name }) => name.includes(positionals.join(' ')))
if (values.help) process.stdout.write(HELP)
else if (values.list) for (const style of styles) process.stdout.write(deserved(style))
else process.exitCode = (await judgeAll()) ? 0 : 1

function deserved({ name, why, must }: Style): string {
  const verdict = must === 'refused' ? must : must.join(' ') || 'conforms'
  return `${name}: ${verdict}\n    ${why}\n`
}

async function judgeAll(): Promise<boolean> {
  const waiting = [...styles]
  let right = 0
  const work = async () => {
    for (let style = waiting.shift(); style !== undefined; style = waiting.shift())
      if (await judge(style)) right++
  }
  const jobs = Number(values.jobs ?? Math.min(2, availableParallelism()))
  await Promise.all(Array.from({ length: jobs }, work))
  process.stdout.write(`${right} of ${styles.length} as deserved\n`)
  return styles.length > 0 && right === styles.length
}

async function judge(style: Style): Promise<boolean> {
  const began = performance.now()
  const said = await verdictOf(style)
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5)
  const wrong = 'broken' in said ? [said.broken] : differences(style, said)
  const [mark, colour] = wrong.length === 0 ? ['✓', 'green' as const] : ['✗', 'red' as const]
  const shown = styleText(colour, mark, { stream: process.stdout })
  const seen = 'broken' in said ? 'no verdict' : inWords(said)
  process.stdout.write(
    [`${shown} ${seconds} s  ${style.name}: ${seen}`, ...wrong.map(line => `            ${line}`)]
      .map(line => `${line}\n`)
      .join(''),
  )
  return wrong.length === 0
}

/** What the gate says of it; that it says nothing is broken. */
async function verdictOf({ name, files }: Style): Promise<Said | { broken: string }> {
  await using place = await temporaryPlatform(below('platform', files))
  const gate = spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'gate.ts'),
      ...['--platform', join(place.root, 'platform'), '--quick', '--json'],
      ...['--report', join(place.root, 'report')],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = new Promise<number | null>(resolve => gate.once('exit', resolve))
  const [out, err, status] = await Promise.all([text(gate.stdout), text(gate.stderr), ended])
  if (values.keep !== undefined) await keep(resolve(values.keep), name, { ...files }, out || err)
  if (status === 2) return { refusal: err.replace(PROGRESS, '') }
  try {
    return JSON.parse(out) as Verdict
  } catch {
    return { broken: `exit status ${status}: ${err.trim().split('\n').at(-1)}` }
  }
}

async function keep(
  root: string,
  name: string,
  files: Record<string, string>,
  verdict: string,
): Promise<void> {
  const folder = join(root, name.replace(/[^a-z0-9]+/gi, '-').toLowerCase())
  const all = { ...below('platform', files), verdict }
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
}
