// Loaded into every process of a measured cluster (`node --import probe.js?folder=…`): how long its event
// loop was held up, and on SIGUSR2 a CPU profile, begun by the first signal and written by the second.
// Every second a line of the longest turn in it; the longest that the loop's own thread was running in one, for on
// a busy machine a turn is also long because others had the processor; and the longest pause of garbage collection.

import { appendFileSync, openSync, readSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import { PerformanceObserver } from 'node:perf_hooks'

export interface Turn {
  readonly atMs: number
  readonly wallMs: number
  readonly busyMs: number
  readonly collectionMs: number
}

const tickMs = 5
const reportMs = 1_000

const folder = new URL(import.meta.url).searchParams.get('folder')
/** "apiserver-master-1"; what has no name is a helper of npm or of the supervisor. */
const part = process.argv[2]
const name = process.argv.find(argument => argument.startsWith('--name='))?.slice('--name='.length)

if (folder !== null && part !== undefined && name !== undefined)
  watch(join(folder, `${part}-${name}`))

function watch(file: string): void {
  const cpuMs = runTime()
  let lastMs = performance.now()
  let lastCpu = cpuMs()
  let longest = { wallMs: 0, busyMs: 0 }
  let collectionMs = 0
  new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) collectionMs = Math.max(collectionMs, duration)
  }).observe({ entryTypes: ['gc'] })
  setInterval(() => {
    const nowMs = performance.now()
    const cpu = cpuMs()
    const wallMs = nowMs - lastMs - tickMs
    longest = {
      wallMs: Math.max(longest.wallMs, wallMs),
      busyMs: Math.max(longest.busyMs, cpu - lastCpu),
    }
    lastMs = nowMs
    lastCpu = cpu
  }, tickMs).unref()
  setInterval(() => {
    const turn: Turn = { atMs: Date.now(), ...longest, collectionMs }
    appendFileSync(`${file}.turns`, `${JSON.stringify(turn)}\n`)
    longest = { wallMs: 0, busyMs: 0 }
    collectionMs = 0
  }, reportMs).unref()
  let session: Session | null = null
  process.on('SIGUSR2', () => {
    if (session === null) {
      session = new Session()
      session.connect()
      const begun = session
      void begun.post('Profiler.enable').then(() => begun.post('Profiler.start'))
      return
    }
    const ended = session
    session = null
    void ended.post('Profiler.stop').then(({ profile }) => {
      ended.disconnect()
      writeFileSync(`${file}.cpuprofile`, JSON.stringify(profile))
    })
  })
}

/**
 * Milliseconds for which the main thread has been running. The first number of its schedstat, see the kernel's
 * documentation of sched-stats; what a process has used holds the threads that collect garbage and compile, too.
 */
function runTime(): () => number {
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  const text = Buffer.alloc(64)
  return () => Number.parseInt(text.toString('latin1', 0, readSync(file, text, 0, 64, 0)), 10) / 1e6
}
