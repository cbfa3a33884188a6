import { describe, expect, test } from 'vitest'
import { machineUsage, parseProcessStat, usageBySession } from './process-usage.js'

/** Fields 3 to 24 of /proc/PID/stat. */
const stat = (name: string, session: number, ticks: readonly number[], pages: number) => {
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = ticks
  const before = `S 1 1 ${session} 0 -1 4194560 100 0 0 0`
  return `7 (${name}) ${before} ${user} ${system} ${childUser} ${childSystem} 20 0 1 0 500 1000000 ${pages} 0`
}

describe('processes', () => {
  test.each(['sleep', 'a b', ') S 1 1 99 (', ''])('are read whatever they are called: %s', name => {
    expect(parseProcessStat(stat(name, 42, [1, 2, 3, 4], 5))).toEqual({
      session: 42,
      cpuTicks: 10,
      memoryPages: 5,
    })
  })

  test.each(['', 'nonsense', '7 (x) S 1'])('that cannot be read are left out: "%s"', text => {
    expect(parseProcessStat(text)).toBeNull()
  })

  test('are summed up by their session', () => {
    const found = [stat('a', 42, [100], 2), stat('b', 42, [0, 50], 3), stat('c', 7, [1], 1)]
      .map(parseProcessStat)
      .filter(one => one !== null)
    expect(usageBySession(found)).toEqual(
      new Map([
        [42, { cpuSeconds: 1.5, memoryBytes: 5 * 4096 }],
        [7, { cpuSeconds: 0.01, memoryBytes: 4096 }],
      ]),
    )
  })
})

test('a machine uses what is not idle and not available', () => {
  const cpu = 'cpu  100 10 40 9999 500 5 15 30 7 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n'
  const memory = 'MemTotal:        1000 kB\nMemFree:   1 kB\nMemAvailable:     400 kB\n'
  expect(machineUsage(cpu, memory)).toEqual({ cpuSeconds: 2, memoryBytes: 600 * 1024 })
  expect(machineUsage('', memory)).toBeNull()
  expect(machineUsage(cpu, '')).toBeNull()
})
