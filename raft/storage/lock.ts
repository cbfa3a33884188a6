// One process at a time owns a directory. Node has no flock, so a lock is a file made exclusively
// that names its owner by pid and start time; one whose owner is dead is moved aside first. Counterpart:
// fileutil.LockFile of etcd. Leaves out directories shared between machines.

import type { Clock } from '../../platform/clock.js'
import type { Disk, DiskError } from '../../platform/disk.js'
import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { ProcessIdentity, Processes } from '../../platform/processes.js'
import type { Random } from '../../platform/random.js'
import { DirectoryLocked } from './log-errors.js'

const lockName = 'LOCK'
const lockBytesMax = 256
/** Rounds of finding a file and waiting for its owner to finish it, or moving it aside. */
const attemptsMax = 10
/** After so many rounds a file without a name in it is one that its owner died over. */
const unfinishedRounds = 5
const unfinishedMs = 50

export interface DirectoryLock {
  release(done: () => void): void
}

export interface LockEnvironment {
  readonly directory: string
  readonly clock: Clock
  readonly disk: Disk
  readonly processes: Processes
  readonly random: Random
}

/** An owner within a process: a process alone may own many directories, one after another. */
interface Owner extends ProcessIdentity {
  readonly token: string
}

/** Owners in this process, whose identity cannot tell them apart. */
const tokensHeld = new Set<string>()

export function lockDirectory(
  environment: LockEnvironment,
  done: (error: RaftsmanError | null, lock?: DirectoryLock) => void,
): void {
  const { directory, disk, processes, random } = environment
  const token = Array.from(random.bytes(8), byte => byte.toString(16).padStart(2, '0')).join('')
  const self = { ...processes.self(), token }
  tokensHeld.add(token)
  attempt(environment, self, attemptsMax, error => {
    if (error !== null) {
      tokensHeld.delete(token)
      done(error)
      return
    }
    done(null, {
      release(released) {
        disk.remove(`${directory}/${lockName}`, () => {
          tokensHeld.delete(token)
          released()
        })
      },
    })
  })
}

function isAlive(processes: Processes, owner: Owner): boolean {
  const self = processes.self()
  if (owner.pid === self.pid && owner.startTicks === self.startTicks)
    return tokensHeld.has(owner.token)
  return processes.identify(owner.pid)?.startTicks === owner.startTicks
}

function attempt(
  environment: LockEnvironment,
  self: Owner,
  attemptsLeft: number,
  done: (error: RaftsmanError | null) => void,
): void {
  const { directory, disk, processes } = environment
  const path = `${directory}/${lockName}`
  create(disk, path, self, createError => {
    if (createError === null || createError.kind !== 'exists') {
      done(createError)
      return
    }
    disk.readFile(path, lockBytesMax, (readError, content) => {
      const owner = content === undefined ? null : parseOwner(content)
      if (owner !== null && isAlive(processes, owner))
        done(new DirectoryLocked(directory, owner.pid))
      else if (attemptsLeft === 0) done(new DirectoryLocked(directory, owner?.pid ?? 0))
      else if (readError !== null && readError.kind !== 'not-found') done(readError)
      else {
        const again = () => attempt(environment, self, attemptsLeft - 1, done)
        const waits = owner === null && attemptsMax - attemptsLeft < unfinishedRounds
        if (waits) environment.clock.setTimer(unfinishedMs, again)
        else moveAside(environment, owner, again)
      }
    })
  })
}

function create(
  disk: Disk,
  path: string,
  self: Owner,
  done: (error: DiskError | null) => void,
): void {
  disk.open(path, { create: true, write: true, exclusive: true }, (error, file) => {
    if (error !== null) {
      done(error)
      return
    }
    const opened = must(file, 'an open without error has a file')
    opened.write([new TextEncoder().encode(JSON.stringify(self))], 0, writeError => {
      opened.close(() => {
        if (writeError === null) done(null)
        else disk.remove(path, () => done(writeError))
      })
    })
  })
}

/**
 * A rename decides between two processes that found the same dead owner: whoever moved the file of a
 * living owner by mistake (it was created in between) puts it back.
 */
function moveAside(environment: LockEnvironment, expected: Owner | null, done: () => void): void {
  const { directory, disk, random } = environment
  const path = `${directory}/${lockName}`
  const aside = `${path}.${random.integer(2 ** 48).toString(16)}`
  disk.rename(path, aside, renameError => {
    if (renameError !== null) {
      done()
      return
    }
    disk.readFile(aside, lockBytesMax, (_error, content) => {
      const moved = content === undefined ? null : parseOwner(content)
      if (moved === null || (expected !== null && same(moved, expected)))
        disk.remove(aside, () => done())
      else disk.rename(aside, path, () => done())
    })
  })
}

function same(a: Owner, b: Owner): boolean {
  return a.pid === b.pid && a.startTicks === b.startTicks && a.token === b.token
}

/** Null for a file that its owner did not finish. */
function parseOwner(content: Uint8Array): Owner | null {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(content))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { pid, startTicks, token } = value as Record<string, unknown>
  if (typeof pid !== 'number' || typeof startTicks !== 'number') return null
  return typeof token === 'string' ? { pid, startTicks, token } : null
}
