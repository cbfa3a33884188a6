// The applied state of one member as its disk holds it: what SQLite's file is in production. Commits outlive
// the process; a power cut takes the last of those back that no checkpoint has made durable, whole
// transactions from the end; and writes fail as those of a disk do.

import type { Random } from '../../../platform/random.js'
import { MemoryBackend } from '../../../store/backend/memory.js'
import type { MemoryFaults } from '../../../store/backend/memory.js'
import type { Row, StateMeta } from '../../../store/core/backend.js'
import { chance } from '../streams.js'

/** What a member has before its first entry. */
export interface BornState {
  readonly meta: StateMeta
  readonly rows: readonly Row[]
}

export class StateFile {
  private readonly random: Random
  private readonly faults: MemoryFaults = { full: false, writesUntilFailure: null }
  private readonly born: BornState | null
  private backend: MemoryBackend

  /** `born`: null for nothing. */
  constructor(random: Random, born: BornState | null) {
    this.random = random
    this.born = born
    this.backend = this.first()
  }

  private first(): MemoryBackend {
    const { born, faults } = this
    const backend = new MemoryBackend({ tracksPowerCuts: true, faults })
    if (born === null) return backend
    const { full, writesUntilFailure } = faults
    Object.assign(faults, { full: false, writesUntilFailure: null })
    const restore = backend.beginRestore()
    restore.write({ rows: born.rows })
    restore.commit(born.meta)
    Object.assign(faults, { full, writesUntilFailure })
    return backend
  }

  get durableIndex(): number {
    return this.backend.durableIndex
  }

  /** As a process finds it; whoever had it open before has died. */
  open(): MemoryBackend {
    this.backend = this.backend.survivor('process')
    return this.backend
  }

  /** What is in it is not to be used any more. */
  discard(): void {
    this.backend = this.first()
  }

  /** True when something was lost. */
  powerCut(): boolean {
    const { volatileCommits } = this.backend
    // Mostly all or nothing of them: between two commits lies much less time than between checkpoints.
    const kept = chance(this.random, 0.5) ? 0 : this.random.integer(volatileCommits + 1)
    this.backend = this.backend.survivor('power', kept)
    return kept < volatileCommits
  }

  set full(full: boolean) {
    this.faults.full = full
  }

  /** A few more writes succeed, and then maybe one does not. */
  writesFail(soon: boolean): void {
    const fails = soon && chance(this.random, 0.7)
    this.faults.writesUntilFailure = fails ? this.random.integer(6) : null
  }
}
