// What processes and the machine use, out of the texts of /proc. Counterpart: cAdvisor, which reads
// cgroups; containers of the process runtime are sessions instead. Pure.

import type { Usage } from './runtime.js'

export interface ProcessUsage {
  readonly session: number
  /** Of the process and of children that it has waited for. */
  readonly cpuTicks: number
  readonly memoryPages: number
}

/** The usual rate of the kernel's clock, as /proc shows it on every architecture of ours. */
const ticksPerSecond = 100
const pageBytes = 4096

/** /proc/PID/stat; null for a text that is none. */
export function parseProcessStat(text: string): ProcessUsage | null {
  // The name may hold anything, spaces and parentheses too.
  const end = text.lastIndexOf(')')
  if (end === -1) return null
  const fields = text
    .slice(end + 2)
    .split(' ')
    .map(Number)
  const at = (index: number) => fields[index - 3] ?? Number.NaN
  const usage = {
    session: at(6),
    cpuTicks: at(14) + at(15) + at(16) + at(17),
    memoryPages: at(24),
  }
  return Object.values(usage).every(Number.isFinite) ? usage : null
}

/** Of every session, by its number, which is the pid of its first process. */
export function usageBySession(processes: readonly ProcessUsage[]): ReadonlyMap<number, Usage> {
  const sums = new Map<number, Usage>()
  for (const { session, cpuTicks, memoryPages } of processes) {
    const { cpuSeconds = 0, memoryBytes = 0 } = sums.get(session) ?? {}
    sums.set(session, {
      cpuSeconds: cpuSeconds + cpuTicks / ticksPerSecond,
      memoryBytes: memoryBytes + memoryPages * pageBytes,
    })
  }
  return sums
}

/** /proc/stat and /proc/meminfo; null where they do not say. */
export function machineUsage(stat: string, memory: string): Usage | null {
  const [, line] = /^cpu +([\d ]+)$/m.exec(stat) ?? []
  const [user, nice, system, , , irq = 0, softirq = 0, steal = 0] = (line ?? '')
    .split(' ')
    .map(Number)
  const total = /^MemTotal: +(\d+) kB$/m.exec(memory)?.[1]
  const free = /^MemAvailable: +(\d+) kB$/m.exec(memory)?.[1]
  if (user === undefined || nice === undefined || system === undefined) return null
  if (total === undefined || free === undefined) return null
  return {
    cpuSeconds: (user + nice + system + irq + softirq + steal) / ticksPerSecond,
    memoryBytes: (Number(total) - Number(free)) * 1024,
  }
}
