import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { styleText } from 'node:util'
import { STYLES, type Style } from '../fixtures/platform/foreign-styles.ts'
import { temporaryPlatform } from '../fixtures/platform/temporary-platform.ts'
import type { Verdict } from '../fixtures/verdict/schema.ts'

const HELP = `npm run styles [-- WORDS]

Runs the gate, without drills, on platforms in the styles in which others write theirs, and compares what must
hold and does not with what each deserves. WORDS: only the styles whose names hold them.

Exit status: 0 every verdict is as expected; 1 one is not.
`

const words = process.argv.slice(2).join(' ')
if (['-h', '--help'].includes(words)) process.stdout.write(HELP)
else process.exitCode = (await judgeAll()) ? 0 : 1

async function judgeAll(): Promise<boolean> {
  let ok = true
  for (const style of STYLES.filter(([name]) => name.includes(words))) {
    const began = performance.now()
    const seen = await verdictOf(style)
    const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5)
    const expected = said(style[3])
    const isRight = seen === expected
    ok &&= isRight
    const [mark, colour] = isRight ? ['✓', 'green' as const] : ['✗', 'red' as const]
    const shown = styleText(colour, mark, { stream: process.stdout })
    process.stdout.write(`${shown} ${seconds} s  ${style[0]}: ${seen}\n`)
    if (!isRight) process.stdout.write(`            expected: ${expected}\n`)
  }
  return ok
}

/** In words: what must hold and does not, or that nginx or the gate refuses the files. */
async function verdictOf([, files]: Style): Promise<string> {
  await using platform = await temporaryPlatform(files)
  const gate = spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'gate.ts'),
      ...['--platform', platform.root, '--quick', '--json'],
      ...['--report', join(platform.root, 'report')],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const ended = new Promise<number | null>(resolve => gate.once('exit', resolve))
  const verdict = (await json(gate.stdout).catch(() => undefined)) as Verdict | undefined
  const status = await ended
  if (verdict === undefined) return status === 2 ? said('refused') : `exit status ${status}`
  return said(
    verdict.claims
      .filter(({ level, verdict }) => level === 'must' && ['fail', 'unproven'].includes(verdict))
      .map(({ id, verdict }) => (verdict === 'unproven' ? `${id} (unproven)` : id)),
  )
}

function said(expected: Style[3]): string {
  if (expected === 'refused') return 'refused'
  return expected.length === 0 ? 'conforms' : expected.toSorted().join(' ')
}
