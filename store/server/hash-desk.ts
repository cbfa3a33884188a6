// Hashes over everything that can be read at a revision, in pieces between other work. Counterpart:
// Maintenance.HashKV of etcd, which holds a read transaction meanwhile.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { HashJob, Replica as Machine } from '../core/replica.js'
import type { HashKvResponse, Revision } from '../core/types.js'
import { tooManyRequests } from './service-errors.js'

const jobsMax = 4
const sliceKeys = 1_000

export type HashDone = (error: RaftsmanError | null, response?: HashKvResponse) => void

export class HashDesk {
  readonly #machine: Machine
  readonly #clock: Clock
  #jobs = 0

  constructor(machine: Machine, clock: Clock) {
    this.#machine = machine
    this.#clock = clock
  }

  /** Answers once, later. Throws for a revision that cannot be read, and `too-many-requests`. */
  hash(revision: Revision, done: HashDone): void {
    if (this.#jobs >= jobsMax) throw tooManyRequests()
    const job = this.#machine.hashKv(revision)
    this.#jobs += 1
    this.#clock.defer(() => this.#step(job, done))
  }

  #step(job: HashJob, done: HashDone): void {
    let response: HashKvResponse | null
    try {
      response = job.step(sliceKeys)
    } catch (error) {
      this.#jobs -= 1
      if (!(error instanceof RaftsmanError)) throw error
      done(error)
      return
    }
    if (response === null) this.#clock.defer(() => this.#step(job, done))
    else {
      this.#jobs -= 1
      done(null, response)
    }
  }
}
