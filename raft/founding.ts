// A log that begins behind a state that was brought from elsewhere, as at entry 1 of a new cluster: a
// member that loses that state is brought it back by its peers, for no log can make it again.
// Counterpart: what etcd's snapshot restore writes in place of a log.

import { must } from '../platform/errors.js'
import type { RaftsmanError } from '../platform/errors.js'
import type { NodeId } from './core/types.js'
import { logIndex, noNode, term } from './core/types.js'
import type { LogOptions } from './storage/log.js'
import { RaftLog, segmentBytesUsual } from './storage/log.js'

export type FoundingOptions = Omit<LogOptions, 'segmentBytes' | 'onFatal'>

/** What the state that it begins behind counts as. */
export const foundedAt = { index: logIndex(1), term: term(1) } as const

/** Answers when it is durable and closed. The directory must be empty. */
export function foundLog(
  options: FoundingOptions,
  voters: readonly NodeId[],
  done: (error: RaftsmanError | null) => void,
): void {
  const logOptions = { ...options, segmentBytes: segmentBytesUsual, onFatal: done }
  RaftLog.open(logOptions, (error, opened) => {
    if (error !== null) {
      done(error)
      return
    }
    const log = must(opened, 'a log without error')
    const confState = {
      voters: [...voters].sort((a, b) => a - b),
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
    }
    const write = {
      entries: [],
      hardState: { term: foundedAt.term, vote: noNode, commit: foundedAt.index },
      snapshot: { ...foundedAt, confState },
      mustSync: true,
    }
    log.append(write, () => log.close(() => done(null)))
  })
}
