// Followers that need entries which are no more in memory: the shell reads them from the log, while
// everybody else is fed from memory as before. Counterpart: none in etcd-io/raft, whose storage keeps in
// memory all that a follower may still ask for; a log that is compacted seldom may hold gigabytes.
//
//   feed: next is on disk alone ──> Ready.fetches ──> shell reads ──> fetched ──> appendRequests
//             ^ one under way a follower, of about one message                        │
//             └───────────────────── until next is in memory ─────────────────────────┘
//
// An answer that comes too late (another term, another way to feed it, a snapshot) is of no use and
// dropped; what is asked then is asked anew. While probing nothing is fetched: one empty message finds
// out where the logs agree.

import { assert } from '../../platform/errors.js'
import { sendEntries, sendSnapshot } from './feeding.js'
import { entryBytes } from './log.js'
import type { Progress } from './progress.js'
import type { CoreState } from './state.js'
import { type Entry, type FetchedEntries, logIndex, noTerm } from './types.js'

/** Null: they were compacted meanwhile. Ids that nobody waits for any more are ignored. */
export function handleFetched(core: CoreState, id: number, found: FetchedEntries | null): void {
  const progress = core.tracker.peers.find(({ reading }) => reading?.id === id)
  const asked = progress?.reading ?? null
  if (progress === undefined || asked === null) return
  progress.reading = null
  if (core.role !== 'leader') return
  const isStale =
    asked.term !== core.term || progress.state !== 'replicate' || progress.next !== asked.from
  if (!isStale && found === null) {
    sendSnapshot(core, progress)
    return
  }
  if (!isStale && found !== null) sendFetched(core, progress, found)
  core.sendDue = true
}

/**
 * What does not fit into the limits of flow control is asked for again. What is in memory comes from
 * there: behind it the disk may still have what another leader's entries are about to replace.
 */
function sendFetched(core: CoreState, progress: Progress, found: FetchedEntries): void {
  const { entriesBytesMaxPerMessage } = core.config
  // A repaired log may know the term of its start in memory alone.
  let prevTerm = core.log.termAt(logIndex(progress.next - 1)) ?? found.prevTerm
  assert(
    found.prevTerm === prevTerm || found.prevTerm === noTerm,
    'the log on disk is the log: term before',
  )
  let rest = found.entries.filter(({ index }) => index <= core.log.cachedAfter)
  checkFetched(core, progress, rest)
  while (rest.length > 0 && !progress.inflights.full) {
    const count = countWithin(rest, entriesBytesMaxPerMessage)
    sendEntries(core, progress, prevTerm, rest.slice(0, count))
    prevTerm = (rest[count - 1] as Entry).term
    rest = rest.slice(count)
  }
}

/** What is on disk alone was applied here, so it is what this log says of it, for ever. */
function checkFetched({ log }: CoreState, { next }: Progress, entries: readonly Entry[]): void {
  assert(entries.length > 0, 'a fetch is answered by an entry at least')
  let index: number = next
  for (const entry of entries) {
    assert(entry.index === index, 'fetched entries have no gap')
    const ofLog = log.termAt(entry.index)
    assert(ofLog === null || ofLog === entry.term, 'the log on disk is the log: term')
    index++
  }
}

function countWithin(entries: readonly Entry[], bytesMax: number): number {
  let bytes = 0
  let count = 0
  for (const entry of entries) {
    bytes += entryBytes(entry)
    if (bytes > bytesMax && count > 0) break
    count++
  }
  return count
}
