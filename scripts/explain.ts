import { relative } from 'node:path'
import { styleText } from 'node:util'
import { type Origin, originsOf } from '../fixtures/platform/origins.ts'
import { readPlatform } from '../fixtures/platform/read-platform.ts'
import { claimIds } from '../suites/claim-ids.ts'
import type { GateOptions } from './options.ts'

/**
 * What was discovered of a platform, from which line, what was assumed, and how to overrule it. Starts
 * nothing.
 * @throws InputError when the platform cannot be used.
 */
export async function explainPlatform({ platform: where, json }: GateOptions): Promise<string> {
  const platform = await readPlatform({ ...where, claims: await claimIds() })
  const topics = originsOf(platform, where)
  const root = relative(process.cwd(), platform.root) || '.'
  const { assumptions } = platform
  if (json) return `${JSON.stringify({ schema: 1, root, topics, assumptions }, null, 2)}\n`
  const paint = (style: 'bold' | 'gray' | 'yellow', text: string) =>
    styleText(style, text, { stream: process.stdout })
  const all = topics.flatMap(({ origins }) => origins)
  const width = Math.max(...all.map(({ key }) => key.length))
  const shown = topics.flatMap(({ topic, origins }) => {
    const widest = Math.min(40, Math.max(...origins.map(({ value }) => value.length)))
    const lines = origins.map(origin => {
      const place = placeOf(topic, origin)
      const from = [place, origin.because].filter(part => part !== '').join('  ')
      const head = `  ${origin.key.padEnd(width)}  ${origin.value.padEnd(widest)}`
      return `${head}  ${paint(place === 'assumed' ? 'yellow' : 'gray', from)}`
    })
    return ['', paint('bold', topic), ...lines]
  })
  return [
    paint('bold', root),
    ...shown,
    '',
    ...assumptions.map(text => paint('yellow', `taken on trust: ${text}`)),
    ...(assumptions.length === 0 ? [] : ['']),
    `To overrule a line, write its key into ${platform.contractFile ?? 'topology.yaml'} (roles.backend.port: 4000), or give its`,
    'option (--compose FILE). `npm run gate -- --init` writes the file.',
    '',
  ].join('\n')
}

/** Where it was read; nothing for a file, which stands for itself, and for what is not there. */
function placeOf(topic: string, { value, at }: Origin): string {
  if (at) return `${at.file}:${at.line}`
  if (topic === 'files' || value === 'none') return ''
  return topic === 'limits' ? 'specification' : 'assumed'
}
