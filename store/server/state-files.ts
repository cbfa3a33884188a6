// The files of the applied state at a start: opened, or set aside when they are damaged. State is a
// projection of the log, so a damaged file costs time and no data: the log is applied again, or the
// leader sends a snapshot where the log no longer reaches back.

import type { Disk } from '../../platform/disk.js'
import type { Logger } from '../../platform/logger.js'
import { BackendError } from '../core/backend.js'
import type { Backend } from '../core/backend.js'
import { UnknownCommandError } from '../core/errors.js'
import { StoreCore } from '../core/store-core.js'
import type { StoreCoreConfig } from '../core/store-core-config.js'
import { SqliteBackend } from '../backend/sqlite.js'
import { StoreServerError } from './options.js'

const suffixes = ['', '-wal', '-shm']

export interface StateFilesOptions {
  readonly path: string
  readonly core: StoreCoreConfig
  /** In place of a SQLite file. */
  readonly makeState?: (path: string, config: StoreCoreConfig, wrong: boolean) => OpenState
  /** What is there is not to be used, though it can be read. */
  readonly wrong: boolean
  readonly disk: Disk
  readonly logger: Logger
}

export interface OpenState {
  readonly core: StoreCore
  /** The core closes it; only who gives the core up as it is closes it instead. */
  readonly backend: Backend
}

/** Errors: BackendError `backend-full`, when a later try may succeed; StoreServerError. */
export function openState(
  options: StateFilesOptions,
  done: (error: Error | null, state?: OpenState) => void,
): void {
  const { path, logger, wrong } = options
  if (wrong && options.makeState === undefined) {
    anew(options, done)
    return
  }
  const first = attempt(options)
  if (!(first instanceof BackendError)) {
    done(null, first)
    return
  }
  if (first.code === 'backend-full') {
    done(first)
    return
  }
  if (first.code !== 'backend-corrupt') {
    done(new StoreServerError(`the state in ${path} cannot be opened: ${first.message}`, first))
    return
  }
  logger.error({ path, reason: first.message }, 'state is damaged; it is built anew')
  anew(options, done)
}

function anew(
  options: StateFilesOptions,
  done: (error: Error | null, state?: OpenState) => void,
): void {
  const { path, disk } = options
  setAside(disk, path, 0, error => {
    if (error !== null) {
      done(new StoreServerError(`the damaged state in ${path} cannot be moved away`, error))
      return
    }
    const second = attempt(options)
    if (second instanceof BackendError && second.code === 'backend-full') done(second)
    else if (second instanceof BackendError) {
      done(new StoreServerError(`no state can be written to ${path}: ${second.message}`, second))
    } else done(null, second)
  })
}

function attempt({ path, core, makeState, wrong }: StateFilesOptions): OpenState | BackendError {
  let backend: SqliteBackend | null = null
  try {
    if (makeState !== undefined) return makeState(path, core, wrong)
    backend = new SqliteBackend({ path })
    return { core: new StoreCore(backend, core), backend }
  } catch (error) {
    backend?.close()
    if (error instanceof BackendError) return error
    if (error instanceof UnknownCommandError) return new BackendError('backend-io', error.message)
    throw error
  }
}

/** Kept as `*.damaged` for whoever wants to know what happened; the one before is replaced. */
function setAside(disk: Disk, path: string, at: number, done: (error: Error | null) => void): void {
  const suffix = suffixes[at]
  if (suffix === undefined) {
    done(null)
    return
  }
  disk.rename(`${path}${suffix}`, `${path}${suffix}.damaged`, error => {
    if (error !== null && error.kind !== 'not-found') done(error)
    else setAside(disk, path, at + 1, done)
  })
}
