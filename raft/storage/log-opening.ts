// From the files of a log to what they hold: read, and repaired where that is allowed. Damage never
// passes silently: without a repair it is an error, and a repair is an error in the log of the process.

import type { DiskError } from '../../platform/disk.js'
import { DiskError as Failure } from '../../platform/disk.js'
import type { Clock } from '../../platform/clock.js'
import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import { LogCorrupt } from './log-errors.js'
import type { TailOptions } from './log-tail.js'
import { moveAside, repairLog } from './repair.js'
import { sequenceOf } from './segment-files.js'
import type { LoadedLog } from './segment-loading.js'
import { loadSegments } from './segment-loading.js'

export interface OpeningOptions extends TailOptions {
  readonly clock: Clock
  readonly cachedBytesMax?: number
  readonly appliedIndex?: number
  readonly settleState?: (done: (error: RaftsmanError | null) => void) => void
  readonly repair?: boolean
}

/** Errors: LogCorrupt, LogMismatch, DiskError. Changes nothing unless a repair is allowed and needed. */
export function openLog(
  options: OpeningOptions,
  done: (error: RaftsmanError | null, loaded?: LoadedLog) => void,
): void {
  const { disk, directory, clusterId, nodeId } = options
  const appliedIndex = options.appliedIndex ?? 0
  const cachedBytesMax = options.cachedBytesMax ?? Number.POSITIVE_INFINITY
  const owner = { clusterId, nodeId, cachedBytesMax, appliedIndex }
  const load = (mayRepair: boolean): void => {
    loadSegments(disk, directory, owner, (error, loaded) => {
      if (error === null) settle(must(loaded, 'a load without error'))
      else if (mayRepair && isDamage(error)) repair(error)
      else done(error)
    })
  }
  const settleState = options.settleState ?? (settled => settled(null))
  const repair = (damage: LogCorrupt | DiskError): void =>
    settleState(stateError => {
      if (stateError !== null) {
        done(stateError)
        return
      }
      repairLog({ ...options, appliedIndex }, damage, repairError => {
        if (repairError === null) load(false)
        else done(repairError)
      })
    })
  const settle = (loaded: LoadedLog): void => {
    const { leftBehind, segments } = loaded
    if (leftBehind.length === 0) {
      done(null, loaded)
      return
    }
    const first = must(segments[0], 'a repair leaves a segment')
    moveAside(disk, directory, leftBehind, sequenceOf(first.name), error => {
      if (error === null) done(null, loaded)
      else done(error)
    })
  }
  load(options.repair ?? false)
}

/** Damage of what was written, or sectors that the disk cannot read. */
function isDamage(error: RaftsmanError): error is LogCorrupt | DiskError {
  return error instanceof LogCorrupt || (error instanceof Failure && error.kind === 'io')
}
