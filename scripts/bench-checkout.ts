import { execFile } from 'node:child_process'
import { copyFile, cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { InputError } from '../fixtures/platform/input-error.ts'

const run = promisify(execFile)

/** A commit of this repository in a folder of its own, with its dependencies; gone when it is disposed of. */
export async function checkout(
  repository: string,
  commit: string,
): Promise<AsyncDisposable & { root: string; commit: string }> {
  const git = (...words: string[]) => run('git', ['-C', repository, ...words])
  const named = await git('rev-parse', '--short', `${commit}^{commit}`).catch(() => undefined)
  if (named === undefined)
    throw new InputError(`there is no commit "${commit}" here`, {
      remedy: '`git log --oneline` shows those that there are.',
    })
  const root = await mkdtemp(join(tmpdir(), 'topology-bench-'))
  await git('worktree', 'add', '--force', '--detach', root, commit)
  const dispose = async () => {
    await git('worktree', 'remove', '--force', root).catch(() => {})
    await rm(root, { recursive: true, force: true })
  }
  try {
    const [ours, theirs] = await Promise.all(
      [repository, root].map(each => readFile(join(each, 'package-lock.json'), 'utf8')),
    )
    if (ours === theirs)
      await cp(join(repository, 'node_modules'), join(root, 'node_modules'), {
        recursive: true,
        verbatimSymlinks: true,
      })
    else {
      await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root })
      // By this the set-up sees that they are those of the lock file.
      await copyFile(
        join(root, 'package-lock.json'),
        join(root, 'node_modules/.topology-lock.json'),
      )
    }
  } catch (error) {
    await dispose()
    throw error
  }
  return { root, commit: named.stdout.trim(), [Symbol.asyncDispose]: dispose }
}
