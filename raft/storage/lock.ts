// One process at a time owns a directory. Node has no flock, so a lock is a file made exclusively
// that names its owner by pid and start time; one whose owner is dead is moved aside first. Counterpart:
// fileutil.LockFile of etcd. Leaves out directories shared between machines.

import type { Disk, DiskError } from '../../platform/disk.js'
import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { ProcessIdentity, Processes } from '../../platform/processes.js'
import type { Random } from '../../platform/random.js'
import { DirectoryLocked } from './log-errors.js'

const lockName = 'LOCK'
const lockBytesMax = 256
/** Rounds of finding a dead owner's file and moving it aside. */
const attemptsMax = 8

export interface DirectoryLock {
  release(done: () => void): void
}

export interface LockEnvironment {
  readonly directory: string
  readonly disk: Disk
  readonly processes: Processes
  readonly random: Random
}

/**
 * Directories locked by this process: two owners in one process have the same identity, so the
 * file alone cannot tell them apart.
 */
const ownLocks = new WeakMap<Disk, Set<string>>()

export function lockDirectory(
  environment: LockEnvironment,
  done: (error: RaftsmanError | null, lock?: DirectoryLock) => void,
): void {
  const { directory, disk, processes } = environment
  const held = ownLocks.get(disk) ?? new Set<string>()
  ownLocks.set(disk, held)
  const self = processes.self()
  if (held.has(directory)) {
    disk.list(directory, () => done(new DirectoryLocked(directory, self.pid)))
    return
  }
  held.add(directory)
  attempt(environment, self, attemptsMax, error => {
    if (error !== null) {
      held.delete(directory)
      done(error)
      return
    }
    done(null, {
      release(released) {
        disk.remove(`${directory}/${lockName}`, () => {
          held.delete(directory)
          released()
        })
      },
    })
  })
}

function attempt(
  environment: LockEnvironment,
  self: ProcessIdentity,
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
      const owner = content === undefined ? null : parseIdentity(content)
      const living = owner === null ? null : processes.identify(owner.pid)
      const alive = living !== null && living.startTicks === owner?.startTicks
      // Our own identity in the file, and not in `ownLocks`: left by an earlier owner in us.
      if (alive && owner !== null && !same(owner, self))
        done(new DirectoryLocked(directory, owner.pid))
      else if (attemptsLeft === 0) done(new DirectoryLocked(directory, owner?.pid ?? 0))
      else if (readError !== null && readError.kind !== 'not-found') done(readError)
      else moveAside(environment, owner, () => attempt(environment, self, attemptsLeft - 1, done))
    })
  })
}

function create(
  disk: Disk,
  path: string,
  self: ProcessIdentity,
  done: (error: DiskError | null) => void,
): void {
  disk.open(path, { create: true, write: true, exclusive: true }, (error, file) => {
    if (error !== null) {
      done(error)
      return
    }
    const opened = must(file, 'an open without error has a file')
    opened.write([new TextEncoder().encode(JSON.stringify(self))], 0, writeError => {
      opened.close(() => done(writeError))
    })
  })
}

/**
 * A rename decides between two processes that found the same dead owner: whoever moved the file of a
 * living owner by mistake (it was created in between) puts it back.
 */
function moveAside(
  environment: LockEnvironment,
  expected: ProcessIdentity | null,
  done: () => void,
): void {
  const { directory, disk, random } = environment
  const path = `${directory}/${lockName}`
  const aside = `${path}.${random.integer(2 ** 48).toString(16)}`
  disk.rename(path, aside, renameError => {
    if (renameError !== null) {
      done()
      return
    }
    disk.readFile(aside, lockBytesMax, (_error, content) => {
      const moved = content === undefined ? null : parseIdentity(content)
      if (moved === null || (expected !== null && same(moved, expected)))
        disk.remove(aside, () => done())
      else disk.rename(aside, path, () => done())
    })
  })
}

function same(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.startTicks === b.startTicks
}

function parseIdentity(content: Uint8Array): ProcessIdentity | null {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(content))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { pid, startTicks } = value as { pid?: unknown; startTicks?: unknown }
  return typeof pid === 'number' && typeof startTicks === 'number' ? { pid, startTicks } : null
}
