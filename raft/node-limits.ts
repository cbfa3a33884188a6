// How much a node takes on at once, and how long it waits.

import { cachedBytesUsual } from './recovery.js'

export const limitsOfProposals = {
  /** One larger is refused; clients of the store are held to less. */
  bytesMax: 8 * 1024 * 1024,
  pendingMax: 50_000,
  pendingBytesMax: 128 * 1024 * 1024,
}
/** Committed and not applied here; beyond it nothing new is taken, as in etcd. */
export const applyLagMax = 5000
export const readyRoundsMax = 16
/** For a member that is to replace another: time for a snapshot of any size. */
export const catchUpMsUsual = 600_000
/** How long closing waits for the log before it lets go. */
export const closeMsMax = 2000

export const limitsOfCore = {
  heartbeatTicks: 1,
  entriesBytesMaxPerMessage: 1024 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 32 * 1024 * 1024,
  uncommittedBytesMax: 128 * 1024 * 1024,
  cachedBytesMax: cachedBytesUsual,
}
