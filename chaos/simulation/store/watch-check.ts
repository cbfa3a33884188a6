// One watch as its user sees it, held against the record: the guarantees of etcd's API page. Every batch
// says up to which revision all has been delivered, so that what must stand in it is known exactly.

import type { KeyValue, WatchBatch, WatchEvent, WatchRequest } from '../../../store/core/types.js'
import type { CheckName } from '../failure.js'
import { SimulationFailure } from '../failure.js'
import { showKv } from './record.js'
import type { Change, Reference } from './reference.js'
import { spanOf, within } from './reference.js'

export interface WatchCheckOptions {
  readonly name: string
  readonly request: WatchRequest
  readonly reference: Reference
  readonly mark: (fact: string) => void
}

export class WatchCheck {
  /** All below has been delivered; 0: from now on, and nobody has said what that means. */
  nextRevision: number
  private readonly options: WatchCheckOptions
  private readonly span
  private creations = 0
  /** No batch has come since it was created, or created again. */
  private isFirst = true

  constructor(options: WatchCheckOptions) {
    this.options = options
    this.span = spanOf(options.request)
    this.nextRevision = options.request.startRevision ?? 0
  }

  created(revision: number): void {
    const { mark } = this.options
    this.creations += 1
    this.isFirst = true
    if (this.creations > 1) mark('watch created again')
    if (this.nextRevision === 0) this.nextRevision = revision + 1
  }

  batch({ revision, events }: WatchBatch): void {
    const { reference, mark } = this.options
    if (this.nextRevision === 0) this.fail('watch-ordered', 'is given events before it is created')
    if (revision > reference.revision)
      this.fail('watch-bookmarkable', `is at revision ${revision}, which does not exist yet`)
    if (revision < this.nextRevision - 1)
      this.fail('watch-bookmarkable', `goes back to revision ${revision}`)
    const expected: Change[] = []
    for (let at = this.nextRevision; at <= revision; at += 1)
      for (const change of reference.changesOf(at)) if (this.wants(change)) expected.push(change)
    const count = Math.max(expected.length, events.length)
    for (let at = 0; at < count; at += 1) this.compare(expected[at], events[at], events, at)
    if (events.length === 0) mark('watch progress')
    else if (this.isFirst && this.creations > 1) mark('watch resumed with events')
    this.isFirst = false
    this.nextRevision = Math.max(this.nextRevision, revision + 1)
  }

  /** It is over because of a compaction; what it lacks must have been compacted. */
  compacted(compactRevision: number): void {
    const { reference, mark } = this.options
    mark('watch ended by a compaction')
    const allowed =
      compactRevision <= reference.compacted &&
      this.nextRevision > 0 &&
      this.nextRevision < compactRevision
    if (!allowed)
      this.fail(
        'compaction-keeps',
        `is ended by a compaction at ${compactRevision}; the last one is at ${reference.compacted}`,
      )
  }

  private wants({ key, kv }: Change): boolean {
    const { noPut, noDelete } = this.options.request
    return within(this.span, key) && (kv.version > 0 ? noPut !== true : noDelete !== true)
  }

  private compare(
    expected: Change | undefined,
    event: WatchEvent | undefined,
    events: readonly WatchEvent[],
    at: number,
  ): void {
    if (expected !== undefined && event !== undefined && sameKv(expected.kv, event.kv)) {
      if (event.kind !== (expected.kv.version > 0 ? 'put' : 'delete'))
        this.fail('watch-reliable', `calls ${showKv(event.kv)} a ${event.kind}`)
      this.previous(expected, event)
      return
    }
    const [should, is] = [
      expected === undefined ? 'nothing' : showKv(expected.kv),
      event === undefined ? 'nothing' : showKv(event.kv),
    ]
    this.fail(this.broken(expected, event, events, at), `is given ${is}, it should be ${should}`)
  }

  /** Which promise it is that such a difference breaks. */
  private broken(
    expected: Change | undefined,
    event: WatchEvent | undefined,
    events: readonly WatchEvent[],
    at: number,
  ): CheckName {
    if (event !== undefined) {
      const { kv } = event
      const key = Buffer.from(kv.key).toString('latin1')
      if (!this.wants({ key, kv, before: null })) return 'watch-filter'
      if (kv.modRevision < this.nextRevision) return 'watch-unique'
      if (events.slice(0, at).some(other => sameKv(other.kv, kv))) return 'watch-unique'
      const before = events[at - 1]?.kv.modRevision ?? 0
      if (before > kv.modRevision) return 'watch-ordered'
    }
    if (expected === undefined) return 'watch-reliable'
    const { modRevision } = expected.kv
    if (events.some(({ kv }) => kv.modRevision === modRevision)) return 'watch-atomic'
    if (this.isFirst && this.creations > 1) return 'watch-resumable'
    return events.length === 0 ? 'watch-bookmarkable' : 'watch-reliable'
  }

  private previous({ kv, before }: Change, { prevKv }: WatchEvent): void {
    const { request, reference } = this.options
    if (request.prevKv !== true) {
      if (prevKv !== null) this.fail('watch-prev-kv', `is given what it did not ask for`)
      return
    }
    if (prevKv === null ? before === null : before !== null && sameKv(prevKv, before)) return
    // What stood before a compaction is not to be had.
    if (prevKv === null && kv.modRevision <= reference.compacted) return
    const [is, should] = [prevKv, before].map(one => (one === null ? 'nothing' : showKv(one)))
    this.fail('watch-prev-kv', `is given ${is} as what was before ${showKv(kv)}, it was ${should}`)
  }

  private fail(check: CheckName, what: string): never {
    const { name } = this.options
    throw new SimulationFailure(check, `${name}, at revision ${this.nextRevision}, ${what}`)
  }
}

function sameKv(a: KeyValue, b: KeyValue): boolean {
  return (
    a.modRevision === b.modRevision &&
    a.version === b.version &&
    a.createRevision === b.createRevision &&
    a.lease === b.lease &&
    Buffer.compare(a.key, b.key) === 0 &&
    Buffer.compare(a.value, b.value) === 0
  )
}
