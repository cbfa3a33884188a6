// A node of a test: the shipping `Raft`, a disk that can lose what it has not confirmed, and a
// state machine that is the list of entries applied. Does by hand what raft/node.ts does in
// production; whoever holds it decides when writes finish, entries are applied, power fails.

import { must } from '../../../platform/errors.js'
import type { Random } from '../../../platform/random.js'
import type { DamagedState, RaftConfig, RaftState } from '../config.js'
import { entryBytes } from '../log.js'
import { Raft } from '../raft.js'
import { TermRuns } from '../term-runs.js'
import {
  type AppendTask,
  type ConfState,
  type Entry,
  type EntryFetch,
  type HardState,
  type LogIndex,
  logIndex,
  type Message,
  type NodeId,
  noNode,
  type Ready,
  type SnapshotMeta,
  type Term,
  term,
} from '../types.js'

/** A message on its way; the data of a snapshot travels with its request. */
export interface Post {
  readonly message: Message
  readonly state: readonly Entry[] | null
}

export interface TestDisk {
  hardState: HardState
  /** The hard state that survives a power cut: tasks without mustSync may be lost. */
  syncedHardState: HardState
  snapshot: SnapshotMeta
  entries: Entry[]
  /** Up to where it has lost entries that it had confirmed; null when whole. */
  damaged: DamagedState | null
  /** Applied entries that survive; ends somewhere between the log's start and its commit index. */
  machine: readonly Entry[]
}

export interface PendingTask {
  readonly task: AppendTask
  readonly state: readonly Entry[] | null
}

const earlierMax = 12

export const testLimits = {
  electionTicks: 10,
  heartbeatTicks: 1,
  entriesBytesMaxPerMessage: 4096,
  inflightMessagesMax: 16,
  inflightBytesMax: 65_536,
  uncommittedBytesMax: 65_536,
}

export function emptyDisk(confState: ConfState): TestDisk {
  const hardState: HardState = { term: term(0), vote: noNode, commit: logIndex(0) }
  return {
    hardState,
    syncedHardState: hardState,
    snapshot: { index: logIndex(0), term: term(0), confState },
    entries: [],
    damaged: null,
    machine: [],
  }
}

export class TestNode {
  readonly id: NodeId
  readonly disk: TestDisk
  raft: Raft
  /** Applied so far; entry i is at i - 1. */
  machine: Entry[]
  tasks: PendingTask[] = []
  committed: Entry[] = []
  /** Not answered yet, oldest first. */
  fetches: EntryFetch[] = []
  /** Terms of the entries that it had confirmed and lost, by index, while it is damaged. */
  readonly vouched = new Map<number, Term>()
  /** Earlier states of the log on disk, which a damaged one may fall back to. */
  private readonly earlier: (readonly Entry[])[] = []
  private readonly config: RaftConfig
  private readonly arrived = new Map<LogIndex, readonly Entry[]>()

  constructor(id: NodeId, random: Random, disk: TestDisk, limits: Partial<RaftConfig> = {}) {
    this.id = id
    this.disk = disk
    this.config = { ...testLimits, ...limits, id, random }
    this.machine = disk.machine.slice()
    this.raft = this.boot()
  }

  private boot(): Raft {
    return new Raft(
      this.config,
      recover(this.disk, this.machine.length, this.config.cachedBytesMax),
      logIndex(this.machine.length),
    )
  }

  get appliedIndex(): LogIndex {
    return logIndex(this.machine.length)
  }

  private get start(): LogIndex {
    return logIndex(this.raft.status().firstIndex - 1)
  }

  receive(post: Post): void {
    if (post.message.kind === 'snapshotRequest') {
      this.arrived.set(post.message.snapshot.index, must(post.state, 'snapshots bring their data'))
    }
    this.raft.step(post.message)
  }

  /** Takes what is ready; writes and entries wait until they are finished by hand. */
  take(): Ready {
    const ready = this.raft.ready()
    const { append } = ready
    if (append !== null) {
      const state =
        append.snapshot === null
          ? null
          : must(this.arrived.get(append.snapshot.index), 'the data of a snapshot is here')
      this.tasks.push({ task: append, state })
    }
    for (const entry of ready.committed) this.committed.push(entry)
    this.fetches.push(...ready.fetches)
    return ready
  }

  /** The oldest fetch is answered from what is on disk at this moment. */
  answerFetch(): void {
    const { id, from, bytesMax } = must(this.fetches.shift(), 'a fetch is under way')
    const { snapshot, entries } = this.disk
    if (from <= snapshot.index) {
      this.raft.fetched(id, null)
      return
    }
    const before = entries[from - snapshot.index - 2]
    const found: Entry[] = []
    let bytes = 0
    for (const entry of entries.slice(from - snapshot.index - 1)) {
      bytes += entryBytes(entry)
      if (found.length > 0 && bytes > bytesMax) break
      found.push(entry)
    }
    this.raft.fetched(id, { prevTerm: before?.term ?? snapshot.term, entries: found })
  }

  /** Messages with the data that goes along, as of now. */
  post(messages: readonly Message[]): Post[] {
    return messages.map(message => {
      if (message.kind !== 'snapshotRequest') return { message, state: null }
      // Production opens the picture later than it was asked for; so the label is made anew.
      const snapshot = this.raft.snapshotAt(this.appliedIndex)
      return { message: { ...message, snapshot }, state: this.machine.slice() }
    })
  }

  /** The oldest write becomes durable. */
  finishWrite(): readonly Message[] {
    const { task, state } = must(this.tasks.shift(), 'a write is under way')
    this.write(task, state, task.entries.length, true)
    if (state !== null) this.machine = state.slice()
    return this.raft.appended(task.id)
  }

  private write(
    task: AppendTask,
    state: readonly Entry[] | null,
    entriesCount: number,
    whole: boolean,
  ): void {
    const { disk } = this
    if (task.snapshot !== null) {
      disk.snapshot = task.snapshot
      disk.entries = []
      disk.machine = must(state, 'a snapshot brings its data')
      this.committed = []
    }
    const entries = task.entries.slice(0, entriesCount)
    const first = entries[0]
    if (first !== undefined) {
      disk.entries.length = first.index - disk.snapshot.index - 1
      disk.entries.push(...entries)
    }
    if (whole && task.hardState !== null) disk.hardState = task.hardState
    if (task.mustSync) disk.syncedHardState = disk.hardState
    this.earlier.push(disk.entries.slice())
    if (this.earlier.length > earlierMax) this.earlier.shift()
  }

  /** Applies up to `count` committed entries. */
  apply(count: number): Entry[] {
    const applied = this.committed.splice(0, count).filter(e => e.index > this.machine.length)
    for (const entry of applied) {
      if (entry.index !== this.machine.length + 1) throw new Error(`gap before ${entry.index}`)
      this.machine.push(entry)
    }
    if (applied.length > 0) this.raft.applied(this.appliedIndex)
    return applied
  }

  flushMachine(): void {
    this.disk.machine = this.machine.slice()
  }

  /** Cuts the log where the durable machine no longer needs it, keeping `kept` entries. */
  compact(kept: number): void {
    const index = logIndex(Math.max(this.disk.machine.length - kept, this.disk.snapshot.index))
    if (index <= this.disk.snapshot.index || index < this.raft.status().firstIndex) return
    const snapshot = this.raft.snapshotAt(index)
    this.disk.entries = this.disk.entries.slice(index - this.disk.snapshot.index)
    this.disk.snapshot = snapshot
    this.raft.compact(index)
  }

  /**
   * The power fails. Of the writes under way `tasksKept` happened to reach the disk, and of the
   * next one a part: `entriesKept` entries, or the hard state alone. Nobody was told. What was
   * written without sync may be gone.
   */
  crash(tasksKept: number, entriesKept: number, losesUnsynced: boolean): void {
    if (losesUnsynced) {
      const { term, vote } = this.disk.hardState
      this.disk.hardState = { term, vote, commit: this.disk.syncedHardState.commit }
    }
    const kept = this.tasks.slice(0, tasksKept)
    for (const { task, state } of kept) this.write(task, state, task.entries.length, true)
    const torn = this.tasks[kept.length]
    if (torn === undefined || torn.task.snapshot !== null) return
    this.write(torn.task, null, entriesKept, entriesKept === 0)
    const { hardState, snapshot, entries } = this.disk
    const commit = logIndex(Math.min(hardState.commit, snapshot.index + entries.length))
    this.disk.hardState = { term: hardState.term, vote: hardState.vote, commit }
    this.disk.syncedHardState = this.disk.hardState
  }

  /**
   * After a crash: the disk has lost what was written after a moment of the past, or all of it, and
   * may show entries that were replaced since, though none that were applied: storage tells those
   * that are certain from the others. Term and vote are still known. Nothing happens while
   * a snapshot is on its way: that is another story.
   */
  damage(random: Random): void {
    const { disk } = this
    const start = Math.max(disk.snapshot.index, disk.machine.length)
    const { firstIndex, applied: known } = this.raft.status()
    if (firstIndex - 1 > disk.machine.length || known < disk.machine.length) return
    const meta = this.raft.snapshotAt(logIndex(disk.machine.length))
    for (const { index, term: ofEntry } of disk.entries) this.vouched.set(index, ofEntry)
    const floor = Math.max(disk.damaged?.floor ?? 0, disk.snapshot.index + disk.entries.length)
    disk.damaged = { floor: logIndex(floor) }
    const { earlier } = this
    const past = random.next() < 0.2 ? [] : (earlier[random.integer(earlier.length + 1)] ?? [])
    const left = past.filter(({ index }) => index > disk.snapshot.index)
    const isReached =
      left[0]?.index === disk.snapshot.index + 1 && (left.at(-1)?.index ?? 0) >= start
    const before = past.find(({ index }) => index === disk.snapshot.index)
    const follows = before === undefined || before.term === disk.snapshot.term
    const isCertain = left.every(
      ({ index, term: ofEntry }) =>
        index > disk.machine.length || disk.machine[index - 1]?.term === ofEntry,
    )
    if (isReached && follows && isCertain) disk.entries = left
    else {
      disk.snapshot = { ...meta, term: term(0) }
      disk.entries = []
    }
  }

  /** Once a leader has brought everything back. */
  noteRepair(): void {
    if (this.disk.damaged === null || this.raft.status().damaged) return
    const { start } = this
    this.disk.damaged = null
    // A start whose term the disk did not know.
    if (this.disk.snapshot.index === start) this.disk.snapshot = this.raft.snapshotAt(start)
    this.vouched.clear()
  }

  restart(): void {
    this.tasks = []
    this.committed = []
    this.fetches = []
    this.arrived.clear()
    this.machine = this.disk.machine.slice()
    this.raft = this.boot()
  }
}

/** As storage recovers it: entries beyond the limit that were applied are left on disk. */
function recover(disk: TestDisk, applied: number, cachedBytesMax: number | undefined): RaftState {
  const { hardState, snapshot, entries, damaged } = disk
  let count = 0
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  while (bytes > (cachedBytesMax ?? bytes) && snapshot.index + count < applied) {
    bytes -= entryBytes(entries[count] as Entry)
    count++
  }
  const onDisk = entries.slice(0, count)
  const last = onDisk.at(-1)
  if (last === undefined) return { hardState, snapshot, entries: entries.slice(), damaged }
  const runs = new TermRuns()
  for (const { index, term: ofEntry } of onDisk) runs.append(index, ofEntry)
  return {
    hardState,
    snapshot,
    entries: entries.slice(count),
    damaged,
    entriesAfter: { index: last.index, term: last.term },
    termRuns: runs.all,
    confChanges: onDisk.filter(({ kind }) => kind === 'confChange'),
  }
}
