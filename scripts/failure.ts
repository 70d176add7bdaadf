import { styleText } from 'node:util'
import { InputError } from '../fixtures/platform/input-error.ts'
import { printable } from '../fixtures/printable.ts'
import { EnvironmentError } from '../fixtures/topology/environment-error.ts'

/**
 * Tells a person why there is no verdict, and gives the exit status: 2 for input, 3 for the machine.
 * Anything else is a defect of the suite, and the only thing that shows a stack.
 */
export function reportFailure(error: unknown): number {
  if (error instanceof InputError || error instanceof EnvironmentError) {
    process.stderr.write(`${styleText('red', '✗', { stream: process.stderr })} ${error.format()}\n`)
    return error instanceof InputError ? 2 : 3
  }
  process.stderr.write(
    `This is a defect of the suite, not of the platform:\n${printable(String((error as Error)?.stack ?? error))}\n`,
  )
  return 3
}
