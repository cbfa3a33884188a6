// The hash of all that happened: 64 bits in two lanes, fed with every event in order. Two runs of
// one seed must end with the same one; where they do not, the code asked something that is not of
// the simulation (the real time, the order of a hash table, another thread).

export class Trace {
  private low = 0x811c9dc5
  private high = 0x9e3779b9

  note(value: number): void {
    const lower = value | 0
    // What lies above 32 bits, and the fraction of a time, count as well.
    const upper = Math.floor(value / 2 ** 32) ^ ((value * 4096) | 0)
    this.low = Math.imul(this.low ^ lower, 0x01000193) ^ (this.high >>> 15)
    this.high = Math.imul(this.high ^ upper, 0x85ebca6b) ^ (this.low >>> 13)
  }

  text(value: string): void {
    for (let at = 0; at < value.length; at += 1) this.note(value.charCodeAt(at))
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    const hex = (lane: number) => (lane >>> 0).toString(16).padStart(8, '0')
    return hex(this.high) + hex(this.low)
  }
}

/** The hash of many seeds together: the same whatever order they ran in. */
export class TraceSum {
  private sum = 0n

  add(seed: number, hash: string): void {
    const trace = new Trace()
    trace.note(seed)
    trace.text(hash)
    this.sum = (this.sum + BigInt(`0x${trace.hash}`)) & 0xffff_ffff_ffff_ffffn
  }

  get hash(): string {
    return this.sum.toString(16).padStart(16, '0')
  }
}
