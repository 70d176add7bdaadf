import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { asWritten } from '../fixtures/platform/input-files.ts'
import type { Fixes } from '../fixtures/verdict/fixes.ts'
import type { GateOptions } from './options.ts'
import { print } from './print.ts'

/** Writes all remedies as one patch into the report directory: `git apply` takes it. Says what came of it. */
export async function writeFixes(fixes: Fixes | undefined, options: GateOptions): Promise<string> {
  const path = join(options.report, 'fixes.patch')
  // One of an earlier run would mend another platform.
  await rm(path, { force: true })
  if (fixes === undefined) return 'Nothing was found that a change could mend: there is no patch.'
  const { diff, withheld, mended, apart, left } = fixes
  const stay = [
    ...(apart.length === 0
      ? []
      : [`not in it, because it is not proved together with the rest: ${apart.join(', ')}`]),
    ...(left.length === 0 ? [] : [`no remedy: ${left.join(', ')}`]),
  ]
  if (diff === undefined || diff === '')
    return [
      withheld === undefined ? 'No remedy was found.' : `No patch: ${withheld}.`,
      ...stay,
    ].join('\n')
  await mkdir(options.report, { recursive: true })
  await writeFile(path, diff)
  return [
    `${shown(path)} mends ${mended.join(', ')}`,
    `  git -C ${shown(options.platform.root)} apply -p1 ${asWritten(options.platform.root, path)}`,
    ...stay,
  ].join('\n')
}

function shown(path: string): string {
  return relative(process.cwd(), path) || '.'
}

export async function tellFixes(text: string, { json }: GateOptions): Promise<void> {
  await print(json ? process.stderr : process.stdout, `\n${text}\n`)
}
