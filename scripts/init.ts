import { resolve } from 'node:path'
import { schemaLine } from '../fixtures/platform/contract-schema.ts'
import { asWritten, writeText } from '../fixtures/platform/input-files.ts'
import { CONTRACT_FILE } from '../fixtures/platform/read-contract.ts'
import { readPlatform } from '../fixtures/platform/read-platform.ts'
import { writeContract } from '../fixtures/platform/write-contract.ts'
import type { GateOptions } from './options.ts'

/**
 * Writes a contract file for a platform that has none. Starts nothing.
 * @returns what was written, for people.
 * @throws InputError when there is one, or the platform cannot be used.
 */
export async function initContract({ platform: where }: GateOptions): Promise<string> {
  // The file that is named is the one to write.
  const options = { ...where, contract: undefined }
  const platform = await readPlatform(options)
  const file = where.contract ?? platform.contractFile ?? CONTRACT_FILE
  const text = writeContract(platform, options, schemaLine(resolve(platform.root, file)))
  await writeText(platform.root, file, text, 'wx')
  const values = text.split('\n').filter(line => /^[^#]+ {2}# /.test(line)).length
  return `${asWritten(platform.root, file)} is written: confirm its ${values} values, and see \`npm run gate -- --explain\`.\n`
}
