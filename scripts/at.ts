import { relative } from 'node:path'
import { styleText } from 'node:util'
import { edgeService } from '../fixtures/platform/discover-roles.ts'
import { InputError } from '../fixtures/platform/input-error.ts'
import type { Lost, Origin } from '../fixtures/platform/nginx/effective.ts'
import { settingsInForce } from '../fixtures/platform/nginx/in-force.ts'
import {
  type RequestConfiguration,
  requestConfiguration,
  type Setting,
} from '../fixtures/platform/nginx/request-configuration.ts'
import { servers } from '../fixtures/platform/nginx/servers.ts'
import type { Directive } from '../fixtures/platform/nginx/tree.ts'
import { type Platform, readPlatform } from '../fixtures/platform/read-platform.ts'
import { inOneLine, printableJson } from '../fixtures/printable.ts'
import { askedRequest } from './asked-request.ts'
import type { GateOptions } from './options.ts'

/** Of the image that the gate has where none is pinned. */
const USUAL_VERSION = '1.26.3'

/**
 * The effective configuration at a request: who takes it, by which way, and what is in force there, from which
 * line. Starts nothing.
 *
 * @throws InputError when the platform cannot be used, or nothing of it listens there.
 */
export async function showRequest(options: GateOptions): Promise<string> {
  const platform = await readPlatform(options.platform)
  const { configuration } = platform.nginx
  const request = askedRequest(options.at ?? '/', platform.contract)
  const { version, because } = versionOf(platform, options.edgeImage)
  const at = requestConfiguration(configuration, request, { version })
  if (at === undefined) {
    const ports = servers(configuration).flatMap(({ listens }) => listens.map(({ port }) => port))
    throw new InputError(`nothing of the platform listens on port ${request.port}`, {
      remedy: `Its ports are ${[...new Set(ports)].join(', ')}.`,
    })
  }
  if (options.json) return `${printableJson(record(at, version))}\n`
  const root = relative(process.cwd(), platform.root) || '.'
  const url = `${request.scheme}://${request.host}${request.target}`
  return text(at, `${request.method} ${url}  (${root}, nginx ${version}, ${because})`)
}

/** Whose defaults hold: of the image that is asked for, or pinned, where its name tells. */
function versionOf({ compose }: Platform, asked?: string): { version: string; because: string } {
  const edge = edgeService(compose)
  const image = asked ?? edge?.image
  const version = /nginx[^:]*:v?(\d+\.\d+(?:\.\d+)?)/.exec(image ?? '')?.[1]
  return version === undefined
    ? { version: USUAL_VERSION, because: "the gate's own" }
    : { version, because: `as ${image} says` }
}

function place({ at }: Directive): string {
  return `${at.file}:${at.line}`
}

function text(at: RequestConfiguration, title: string): string {
  const paint = (style: 'bold' | 'gray' | 'yellow', words: string) =>
    styleText(style, words, { stream: process.stdout })
  const way = at.steps.map(({ kind, directive, says, assumed }) => [
    directive === undefined ? '' : place(directive),
    directive?.text ?? kind,
    assumed === undefined ? says : `${says} (assumed: ${assumed})`,
  ])
  const settings = settingsInForce(at)
  const inForce = settings.flatMap(setting =>
    setting.origins.map(origin => [
      place(origin.directive),
      origin.directive.text,
      notes(at, setting, origin).join(', '),
    ]),
  )
  const lost = settings.flatMap(setting => setting.lost.map(lostRow))
  const defaults = settings.filter(isDefault).map(({ name, fallback }) => [name, fallback ?? ''])
  const table = (name: string, rows: string[][]) =>
    rows.length === 0 ? [] : ['', paint('bold', name), ...columns(rows, paint)]
  return [
    paint('bold', inOneLine(title)),
    ...table('way', way),
    ...table('in force', inForce),
    ...table('in vain: a nearer level has its own', lost),
    ...table("nginx's defaults", defaults),
    '',
  ].join('\n')
}

function isDefault({ directives, fallback }: Setting): boolean {
  return directives.length === 0 && fallback !== undefined
}

/** Where a line in force is inherited from, whose it is, and what its variables come to. */
function notes(at: RequestConfiguration, setting: Setting, { directive, level }: Origin): string[] {
  const here = 'branch' in at.scope ? at.scope.branch : at.scope.directive
  const value = directive.args.some(arg => arg.includes('$'))
    ? at.trace(directive.args.findLast(arg => arg.includes('$')) ?? '').value
    : undefined
  return [
    level.block === here ? '' : `from ${level.block?.text ?? level.kind}`,
    setting.decidedBy && level.kind === 'server'
      ? 'which is the default of its port and decides this'
      : '',
    value === undefined ? '' : `here "${value}"`,
  ].filter(Boolean)
}

function lostRow({ directive, because: [first], level }: Lost): string[] {
  const whose = first === undefined ? '' : `, because of ${place(first)}`
  return [place(directive), directive.text, `of ${level.block?.text ?? level.kind}${whose}`]
}

/** Widest for a column: longer texts push the next one on. */
const WIDEST = 56

function columns(rows: string[][], paint: (style: 'gray', words: string) => string): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.min(WIDEST, Math.max(...rows.map(row => (row[column] ?? '').length))),
  )
  return rows.map(row => {
    const [first = '', second = '', ...rest] = row.map((cell, column) =>
      inOneLine(cell).padEnd(widths[column] ?? 0),
    )
    return `  ${paint('gray', first)}  ${second}  ${paint('gray', rest.join('  '))}`.trimEnd()
  })
}

/** For programs. */
function record(at: RequestConfiguration, version: string): unknown {
  const line = (directive: Directive) => ({
    file: directive.at.file,
    line: directive.at.line,
    text: directive.text,
  })
  return {
    schema: 1,
    nginx: version,
    request: at.request,
    status: at.status,
    outcome: at.outcome.kind,
    way: at.steps.map(({ directive, ...step }) => ({ ...step, ...(directive && line(directive)) })),
    settings: settingsInForce(at).map(setting => ({
      name: setting.name,
      rule: setting.rule,
      inForce: setting.origins.map(({ directive, level }) => ({
        ...line(directive),
        level: level.kind,
        block: level.block && line(level.block),
      })),
      default: setting.fallback,
      lost: setting.lost.map(({ directive, because }) => ({
        ...line(directive),
        because: because.map(line),
      })),
    })),
  }
}
