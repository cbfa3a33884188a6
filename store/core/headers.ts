// Headers of answers. Most answers of one moment have the same one, so it is made once.

import type { ResponseHeader, Revision } from './types.js'

export class Headers {
  readonly #clusterId: number
  readonly #memberId: number
  #last: ResponseHeader

  constructor({ clusterId, memberId }: Pick<ResponseHeader, 'clusterId' | 'memberId'>) {
    this.#clusterId = clusterId
    this.#memberId = memberId
    this.#last = { clusterId, memberId, revision: 0, raftTerm: 0 }
  }

  /** The same object as long as neither changes. */
  at(revision: Revision, raftTerm: number): ResponseHeader {
    if (this.#last.revision !== revision || this.#last.raftTerm !== raftTerm) {
      this.#last = { clusterId: this.#clusterId, memberId: this.#memberId, revision, raftTerm }
    }
    return this.#last
  }
}
