// What is to happen, by time and then by the order in which it was asked for: a binary heap. Both the
// virtual clock of the tests and the simulator's scheduler stand on it. Cancelled events stay where
// they are until they come up, so that cancelling costs nothing.

export interface QueuedEvent<T> {
  readonly atMs: number
  /** Breaks ties: whoever asked first comes first. */
  readonly sequence: number
  /** Null once it was cancelled or taken. */
  value: T | null
}

export class EventQueue<T> {
  /** heap[i] comes no later than heap[2i + 1] and heap[2i + 2]. */
  private heap: QueuedEvent<T>[] = []
  private sequence = 0
  private live = 0

  /** Events that were neither taken nor cancelled. */
  get size(): number {
    return this.live
  }

  push(atMs: number, value: T): QueuedEvent<T> {
    this.sequence += 1
    const event = { atMs, sequence: this.sequence, value }
    this.live += 1
    this.heap.push(event)
    this.rise(this.heap.length - 1)
    return event
  }

  cancel(event: QueuedEvent<T>): void {
    if (event.value === null) return
    event.value = null
    this.live -= 1
  }

  /** When the next event is due; infinity when there is none. */
  get nextMs(): number {
    this.dropCancelled()
    return this.heap[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** The next event's value, or null when there is none. */
  take(): T | null {
    this.dropCancelled()
    const first = this.heap[0]
    if (first === undefined) return null
    const { value } = first
    first.value = null
    this.live -= 1
    this.removeFirst()
    return value
  }

  clear(): void {
    for (const event of this.heap) event.value = null
    this.heap = []
    this.live = 0
  }

  private dropCancelled(): void {
    while (this.heap.length > 0 && this.heap[0]?.value === null) this.removeFirst()
  }

  private removeFirst(): void {
    const last = this.heap.pop()
    if (last === undefined || this.heap.length === 0) return
    this.heap[0] = last
    this.sink()
  }

  private rise(from: number): void {
    const { heap } = this
    const event = heap[from] as QueuedEvent<T>
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] as QueuedEvent<T>
      if (!before(event, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = event
  }

  private sink(): void {
    const { heap } = this
    const event = heap[0] as QueuedEvent<T>
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && before(right, heap[child] as QueuedEvent<T>)) child += 1
      const below = heap[child] as QueuedEvent<T>
      if (!before(below, event)) break
      heap[at] = below
      at = child
    }
    heap[at] = event
  }
}

function before<T>(a: QueuedEvent<T>, b: QueuedEvent<T>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}
