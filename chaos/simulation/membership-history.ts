// Which membership was in force from which entry on, as the first member that applied it told. Every other
// one has to agree, after restarts and snapshots too; and nobody may campaign by a membership that is
// known to be committed and not in force yet, for others may elect somebody without it.

import type { ConfState } from '../../raft/core/types.js'
import { holds } from './failure.js'

interface Membership {
  /** Of the entry that brought it. */
  readonly index: number
  readonly text: string
}

export class MembershipHistory {
  /** In ascending order. Complete up to the highest index that anybody has applied. */
  private readonly known: Membership[] = []
  private readonly texts = new WeakMap<ConfState, string>()

  /** `id` has acted by `confState` since entry `index`, or since a snapshot of it. */
  acts(id: number, index: number, confState: ConfState): void {
    // Of one that joins and has heard of nobody.
    if (confState.voters.length === 0) return
    const text = this.textOf(confState)
    const newest = this.known.at(-1)
    if (newest === undefined || (index > newest.index && newest.text !== text)) {
      this.known.push({ index, text })
      return
    }
    const then = this.known.findLast(membership => membership.index <= index)
    // Older than what the first one told of, which cannot be told any more.
    if (then === undefined) return
    holds(
      then.text === text,
      'one-membership',
      () => `m${id} acts by ${text} as that of entry ${index}; others have ${then.text} there`,
    )
  }

  /** Members show the same object for as long as it is in force. */
  private textOf(confState: ConfState): string {
    const known = this.texts.get(confState)
    if (known !== undefined) return known
    const text = JSON.stringify(confState)
    this.texts.set(confState, text)
    return text
  }

  /** `id` begins to campaign, by a membership of entry `index`. */
  campaigns(id: number, index: number, commit: number): void {
    const later = this.known.find(membership => membership.index > index)
    holds(
      later === undefined || later.index > commit,
      'campaign-by-an-old-membership',
      () =>
        `m${id} campaigns by the membership of entry ${index}; it knows that entry ${commit} is committed, and ${later?.index} was another change`,
    )
  }
}
