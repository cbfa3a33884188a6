// When V8 looks through the whole heap. It begins once what has outlived a first collection, buffers outside
// of the heap included, exceeds a part of the heap's own size. A store has a small heap and keeps large
// buffers for a while, so that began several times a second, and took a third of the processor time of puts
// of 64 KiB.

import { getHeapStatistics, setFlagsFromString } from 'node:v8'

const lookMs = 1_000
const percentMax = 1_000

/**
 * A heap of less than `garbageBytes` may grow by as much before it is looked through; a larger one is V8's
 * own affair. For the whole process, until it ends.
 */
export function letGarbageGather(garbageBytes: number): void {
  let set = 0
  const look = () => {
    const percent = growthPercent(getHeapStatistics().used_heap_size, garbageBytes)
    // Sizes change all the time: only where it makes a difference.
    if (percent === set || (percent > 0 && Math.abs(percent - set) < set / 4)) return
    setFlagsFromString(`--heap-growing-percent=${percent}`)
    set = percent
  }
  look()
  setInterval(look, lookMs).unref()
}

/** 0: as V8 has it. */
export function growthPercent(heapBytes: number, garbageBytes: number): number {
  if (heapBytes >= garbageBytes) return 0
  return Math.min(percentMax, Math.floor((100 * garbageBytes) / Math.max(1, heapBytes)))
}
