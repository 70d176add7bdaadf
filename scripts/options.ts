import { existsSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { InputError } from '../fixtures/platform/input-error.ts'
import { nearest } from '../fixtures/platform/nearest-word.ts'
import type { PlatformOptions } from '../fixtures/platform/read-platform.ts'

/**
 * What the gate was asked to do. Paths are absolute: relative ones are meant from where the person stands, and from the
 * platform where nothing of that name is there.
 */
export interface GateOptions {
  platform: PlatformOptions
  edgeImage?: string
  only?: string
  list: boolean
  coverage: boolean
  report: string
  json: boolean
  strict: boolean
  quick: boolean
  /** Tell what was discovered, and judge nothing. */
  explain: boolean
  /** A request: tell what of the configuration is in force at it, and judge nothing. */
  at?: string
  /** Write a contract file from what was discovered, and judge nothing. */
  init: boolean
  /** Write the present reds into the contract file, as known gaps. */
  accept: boolean
  /** Look for remedies for advice, too, and write all of them as one patch. */
  fix: boolean
  help: boolean
}

export const HELP = `npm run gate -- [options]

Starts the platform's real nginx configuration between stand-ins for its frontend and backend and a
PostgreSQL with SSL, and proves or refutes each promise by behaviour.

  --platform DIR     the platform's files (default: fixtures/platforms/reference)
  --nginx PATH       its nginx directory or file, where it is not found in DIR; given more than once,
                     the files that are deployed; without --platform the whole platform is what is there
  --compose FILE     its compose file
  --diagram FILE     the Markdown file that holds its network diagram
  --contract FILE    what it promises, in numbers (default: DIR/topology.yaml)
  --env-file FILE    values for the compose file's variables (default: .env beside it)
  --edge-image REF   the image that nginx comes from (default: the one that the compose file pins)
  --only GLOB        judge only claims whose id matches, such as 'sse/*'
  --list             list the claims, judge nothing
  --coverage         list the specification's sentences with the claims that prove each
  --report DIR       where the reports go (default: report)
  --json             the verdict as JSON on standard output, and nothing else there
                     (npm prints a line of its own; \`npm run --silent gate -- --json\` does not)
  --quick            leave out the drills (renewal, reload, redeploy, restart, capacity)
  --strict           a red 'should' breaks the gate, too
  --explain          tell what was discovered, from which line, and how to overrule it; judge nothing
  --at URL           tell which server and location nginx picks for a request ('/path', 'POST https://host/path'),
                     and what is in force there, from which line; judge nothing
  --init             write a commented topology.yaml from what was discovered; judge nothing
  --accept           write the present reds into the contract file as known gaps, with a reason to fill in
  --fix              look for a remedy for every red, advice too, and write them to fixes.patch where the
                     reports go; never into the platform
  --help             this

A relative path is tried from where you are, then from DIR.
Exit status: 0 the platform conforms; 1 a claim that must hold does not, or could not be proved;
2 the input cannot be used; 3 the machine cannot carry the topology.
`

/**
 * Reads the command line.
 * @throws InputError naming the option that is unknown or lacks its value.
 */
export function readOptions(args: string[]): GateOptions {
  return readOptionsAnd(args, {}).options
}

/** Options that a command has besides those of the gate. */
type Own = Record<string, { type: 'string' | 'boolean' }>

/**
 * Reads the command line of a command that has options of its own besides the gate's.
 * @param command its name, and whether words may follow its options.
 * @throws InputError naming the option that is unknown or lacks its value.
 */
export function readOptionsAnd<O extends Own>(
  args: string[],
  own: O,
  { command = 'gate', words = false } = {},
): {
  options: GateOptions
  own: { [Name in keyof O]?: O[Name]['type'] extends 'string' ? string : boolean }
  words: string[]
} {
  const { values, positionals } = parse(args, own, { command, words })
  return { options: gateOptions(values), own: values as never, words: positionals }
}

function gateOptions(values: ReturnType<typeof parse>['values']): GateOptions {
  const chosen = (['list', 'coverage', 'explain', 'at', 'init', 'accept', 'fix'] as const).filter(
    name => values[name],
  )
  if (chosen.length > 1)
    throw new InputError(`--${chosen.join(' and --')} exclude each other`, {
      remedy: 'Give one of them.',
    })
  const from = startedIn()
  const platform = values.platform === undefined ? undefined : resolve(from, values.platform)
  const placed = (value: string) => {
    const [here, there] = [resolve(from, value), resolve(platform ?? from, value)]
    return existsSync(here) || !existsSync(there) ? here : there
  }
  const path = (value: string | undefined) => (value === undefined ? undefined : placed(value))
  const nginx = values.nginx?.map(placed)
  return {
    platform: {
      root: platform ?? (values.compose ? from : rootOf(nginx)),
      nginx,
      compose: path(values.compose),
      diagram: path(values.diagram),
      contract: path(values.contract),
      envFile: path(values['env-file']),
    },
    edgeImage: values['edge-image'],
    only: values.only,
    list: values.list ?? false,
    coverage: values.coverage ?? false,
    report: resolve(from, values.report ?? 'report'),
    json: values.json ?? false,
    strict: values.strict ?? false,
    quick: values.quick ?? false,
    explain: values.explain ?? false,
    at: values.at,
    init: values.init ?? false,
    accept: values.accept ?? false,
    fix: values.fix ?? false,
    help: values.help ?? false,
  }
}

/** Whoever names nginx files only has no platform but these; whoever names nothing sees the reference. */
function rootOf(nginx: string[] | undefined): string {
  if (nginx === undefined) return resolve(import.meta.dirname, '../fixtures/platforms/reference')
  const [first = '', ...others] = nginx.map(path =>
    statSync(path, { throwIfNoEntry: false })?.isFile() ? dirname(path) : path,
  )
  return others.reduce((shared, directory) => {
    let around = shared
    while (relative(around, directory).startsWith('..')) around = dirname(around)
    return around
  }, first)
}

function parse(args: string[], own: Own, { command, words }: { command: string; words: boolean }) {
  try {
    return parseArgs({
      args,
      allowPositionals: words,
      options: { ...(own as Record<never, never>), ...OPTIONS },
    })
  } catch (error) {
    const message = (error as Error).message.split(/\.\s/)[0] ?? 'unusable command line'
    const strange = /^Unknown option '--([\w-]+)'/.exec(message)?.[1]
    const near = strange && nearest(strange, Object.keys({ ...OPTIONS, ...own }))
    throw new InputError(message, {
      remedy: `${near ? `Did you mean "--${near}"? ` : ''}\`npm run ${command} -- --help\` lists the options.`,
    })
  }
}

const OPTIONS = {
  platform: { type: 'string' },
  nginx: { type: 'string', multiple: true },
  compose: { type: 'string' },
  diagram: { type: 'string' },
  contract: { type: 'string' },
  'env-file': { type: 'string' },
  'edge-image': { type: 'string' },
  only: { type: 'string' },
  list: { type: 'boolean' },
  coverage: { type: 'boolean' },
  report: { type: 'string' },
  json: { type: 'boolean' },
  strict: { type: 'boolean' },
  quick: { type: 'boolean' },
  explain: { type: 'boolean' },
  at: { type: 'string' },
  init: { type: 'boolean' },
  accept: { type: 'boolean' },
  fix: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** npm changes into the package's directory; paths are meant from where the person stands. */
export function startedIn(): string {
  const from = process.env.npm_lifecycle_event === undefined ? undefined : process.env.INIT_CWD
  return from !== undefined && existsSync(from) ? from : process.cwd()
}
