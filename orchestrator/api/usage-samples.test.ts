import { describe, expect, test } from 'vitest'
import { parseScrape, rateBetween } from './usage-samples.js'

const text = `# HELP node_cpu_usage_seconds_total x
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 12.5 1000
node_memory_working_set_bytes 4096 1000
container_cpu_usage_seconds_total{container="c",namespace="n",pod="p"} 1.5 1000
container_memory_working_set_bytes{container="c",namespace="n",pod="p"} 8192 1000
container_cpu_usage_seconds_total{container="half",namespace="n",pod="p"} 1.5 1000
container_start_time_seconds{container="c",namespace="n",pod="p"} 7 1000
pod_cpu_usage_seconds_total{namespace="n",pod="p"} 1.5 1000
nonsense
`

test('what a kubelet tells is read, but for what is not whole', () => {
  expect(parseScrape(text)).toEqual(
    new Map([
      ['', { atMs: 1000, cpuSeconds: 12.5, memoryBytes: 4096 }],
      ['n/p/c', { atMs: 1000, cpuSeconds: 1.5, memoryBytes: 8192 }],
    ]),
  )
})

describe('between two looks', () => {
  const at = (atMs: number, cpuSeconds: number) => ({ atMs, cpuSeconds, memoryBytes: 9 })

  test('as much was used as the counter went up by', () => {
    expect(rateBetween(at(1_000, 2), at(11_000, 7))).toEqual({
      atMs: 11_000,
      windowMs: 10_000,
      cpuNanoCores: 500_000_000,
      memoryBytes: 9,
    })
  })

  test('nothing is known of what is new, began anew or was looked at once', () => {
    expect(rateBetween(undefined, at(1, 1))).toBeNull()
    expect(rateBetween(at(1_000, 2), at(2_000, 1))).toBeNull()
    expect(rateBetween(at(1_000, 2), at(1_000, 2))).toBeNull()
  })
})
