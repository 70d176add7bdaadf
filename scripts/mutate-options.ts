import { resolve } from 'node:path'
import { InputError } from '../fixtures/platform/input-error.ts'
import { OPERATORS } from '../fixtures/platform/mutation/mutant.ts'
import {
  readOperators,
  readShard,
  type Selection,
  type Shard,
} from '../fixtures/platform/mutation/selection.ts'
import { type GateOptions, readOptionsAnd, startedIn } from './options.ts'

/** What the count of injected faults was asked to do. Paths are absolute. */
export interface MutateOptions extends GateOptions {
  selection: Selection
  /** How many mutants are under way at once. */
  jobs: number
  shard?: Shard
  /** Directories of the reports that are to be merged; nothing is judged then. */
  merge?: string[]
}

export const HELP = `npm run mutate -- [options]

How many injected faults the gate catches on a platform, and which it misses: each mutant is the platform
with one fault in its nginx files, its compose file or its connection string, and goes through the gate's
own claims, in a fresh edge, until one turns red.

  --platform DIR       the platform (default: fixtures/platforms/reference), and every other option by which
                       the gate finds its files
  --operators LIST     only these, separated by commas:
                       ${OPERATORS.join(', ')}
  --only GLOB          only mutants whose name matches, such as '*ssl_protocols*'
  --sample N           so many of them, spread evenly
  --quick              without the drills, which are rehearsed for those that all other claims miss
  --jobs N             how many are under way at once (default: 5)
  --shard I/N          the I-th of N shares
  --merge DIR DIR …    the reports of all shares as that of one run; judges nothing
  --list               list the mutants, judge nothing
  --report DIR         where mutation.json goes (default: report)
  --json               the same on standard output, and nothing else there
  --help               this

Exit status: 0 none is missed; 1 one survived, or could not be judged; 2 the input cannot be used; 3 the
machine cannot carry the topology.
`

/** As many as keep a machine of two cores busy while others wait. */
const JOBS = 5

/**
 * Reads the command line.
 * @throws InputError naming the option that is unknown, lacks its value or has none that it can have.
 */
export function readMutateOptions(args: string[]): MutateOptions {
  const { options, own, words } = readOptionsAnd(
    args,
    {
      operators: { type: 'string' },
      sample: { type: 'string' },
      jobs: { type: 'string' },
      shard: { type: 'string' },
      merge: { type: 'boolean' },
    },
    { command: 'mutate', words: true },
  )
  const [word] = words
  if (own.merge === true && words.length < 2)
    throw new InputError('--merge takes the directories of at least two reports', {
      remedy: 'Name them: `npm run mutate -- --merge report/1 report/2`.',
    })
  if (own.merge !== true && word !== undefined)
    throw new InputError(`"${word}" is no option`, {
      remedy: '`npm run mutate -- --help` lists the options.',
    })
  return {
    ...options,
    selection: {
      operators: own.operators === undefined ? undefined : readOperators(own.operators),
      only: options.only,
      sample: whole('sample', own.sample),
    },
    jobs: whole('jobs', own.jobs) ?? JOBS,
    shard: own.shard === undefined ? undefined : readShard(own.shard),
    merge: own.merge === true ? words.map(each => resolve(startedIn(), each)) : undefined,
  }
}

function whole(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (Number.isInteger(number) && number > 0) return number
  throw new InputError(`--${name} takes a whole number from 1, not "${value}"`, {
    remedy: `Write one, such as --${name} 4.`,
  })
}
