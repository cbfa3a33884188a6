// A binary heap whose members can leave from the middle. Counterpart: pkg/scheduler/backend/heap.

export interface HeapMember {
  /** Its place in the heap it is in; -1 outside. */
  heapAt: number
}

export class Heap<T extends HeapMember> {
  private readonly members: T[] = []
  /** Below zero: `a` comes out first. */
  private readonly compare: (a: T, b: T) => number

  constructor(compare: (a: T, b: T) => number) {
    this.compare = compare
  }

  get size(): number {
    return this.members.length
  }

  peek(): T | undefined {
    return this.members[0]
  }

  push(member: T): void {
    member.heapAt = this.members.length
    this.members.push(member)
    this.rise(member)
  }

  pop(): T | undefined {
    const first = this.members[0]
    if (first) this.remove(first)
    return first
  }

  remove(member: T): void {
    const at = member.heapAt
    if (this.members[at] !== member) return
    member.heapAt = -1
    const last = this.members.pop()
    if (last === undefined || last === member) return
    this.set(at, last)
    this.rise(last)
    this.sink(last)
  }

  /** What it is ordered by has changed. */
  moved(member: T): void {
    if (this.members[member.heapAt] !== member) return
    this.rise(member)
    this.sink(member)
  }

  clear(): void {
    for (const member of this.members) member.heapAt = -1
    this.members.length = 0
  }

  private rise(member: T): void {
    let at = member.heapAt
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = this.members[parentAt] as T
      if (this.compare(member, parent) >= 0) break
      this.set(at, parent)
      at = parentAt
    }
    this.set(at, member)
  }

  private sink(member: T): void {
    let at = member.heapAt
    const { length } = this.members
    for (;;) {
      let childAt = 2 * at + 1
      if (childAt >= length) break
      let child = this.members[childAt] as T
      const other = this.members[childAt + 1]
      if (other !== undefined && this.compare(other, child) < 0) {
        child = other
        childAt++
      }
      if (this.compare(child, member) >= 0) break
      this.set(at, child)
      at = childAt
    }
    this.set(at, member)
  }

  private set(at: number, member: T): void {
    this.members[at] = member
    member.heapAt = at
  }
}
