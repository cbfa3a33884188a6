// Durable puts a second against three members as processes of this machine: one connection with many
// requests in flight, and many connections with few; each without and with names by which a write is done
// once. Run from dist/: node dist/bench/store/put.js [seconds] [value bytes] [rounds]. Prints one line of
// JSON a measurement, and in the end what names cost: the median over rounds of one rate by the other.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { freePort } from '../../platform/testing/free-port.js'
import type { StoreClient, StoreMember } from '../../store/index.js'
import { clientOf } from '../../store/server/testing/clients.js'

interface Scenario {
  readonly name: string
  readonly connections: number
  readonly inFlight: number
}

const scenarios: readonly Scenario[] = [
  { name: 'put, 1 connection x 1000 in flight', connections: 1, inFlight: 1_000 },
  { name: 'put, 100 connections x 10 in flight', connections: 100, inFlight: 10 },
  { name: 'put, 1 connection x 1 in flight', connections: 1, inFlight: 1 },
]

const patient = { requestTimeoutMs: 30_000 }

async function startMembers(directory: string) {
  const members: StoreMember[] = []
  for (const id of [1, 2, 3]) {
    const peerAddress = `127.0.0.1:${await freePort()}`
    const clientAddress = `127.0.0.1:${await freePort()}`
    members.push({ id, name: `m${id}`, peerAddress, clientAddress })
  }
  const children = members.map(({ id, name }) => {
    const plan = { id, members, dataDirectory: join(directory, name) }
    const program = join(import.meta.dirname, 'member.js')
    const stdio: ['pipe', 'pipe', 'inherit'] = ['pipe', 'pipe', 'inherit']
    return spawn(process.execPath, [program, JSON.stringify(plan)], { stdio })
  })
  await Promise.all(children.map(child => once(child.stdout, 'data')))
  return { members, children }
}

/** Member ids, the leader first. */
async function leaderFirst(members: readonly StoreMember[]): Promise<readonly string[]> {
  const asking = clientOf(
    members.map(({ clientAddress }) => clientAddress),
    patient,
  )
  await asking.put({ key: Buffer.from('warm'), value: Buffer.from('up') })
  const { leader } = await asking.status()
  asking.close()
  return members
    .toSorted((a, b) => Number(b.id === leader) - Number(a.id === leader))
    .map(({ clientAddress }) => clientAddress)
}

async function measure(
  scenario: Scenario,
  endpoints: readonly string[],
  seconds: number,
  valueBytes: number,
  named: boolean,
) {
  const value = Buffer.alloc(valueBytes, 'v')
  // Connections are spread over the members; a single one goes to the leader.
  const clients = Array.from({ length: scenario.connections }, (_, at) => {
    const from = at % endpoints.length
    return clientOf([...endpoints.slice(from), ...endpoints.slice(0, from)], {
      ...patient,
      repeatsWrites: named,
    })
  })
  await Promise.all(clients.map(client => client.status()))
  const latencies: number[] = []
  let failures = 0
  let counting = false
  let running = true
  const isRunning = () => running
  const slot = async (client: StoreClient, name: string) => {
    let at = 0
    while (isRunning()) {
      at += 1
      const startMs = performance.now()
      try {
        await client.put({ key: Buffer.from(`${name}/${at % 100}`), value })
        if (counting) latencies.push(performance.now() - startMs)
      } catch {
        failures += 1
      }
    }
  }
  const slots = clients.flatMap((client, number) =>
    Array.from({ length: scenario.inFlight }, (_, at) => slot(client, `k/${number}/${at}`)),
  )
  const sleep = (ms: number) =>
    new Promise(resolve => {
      setTimeout(resolve, ms)
    })
  await sleep(1_000)
  counting = true
  const startMs = performance.now()
  await sleep(seconds * 1_000)
  counting = false
  const elapsed = (performance.now() - startMs) / 1_000
  running = false
  await Promise.all(slots)
  for (const client of clients) client.close()
  latencies.sort((a, b) => a - b)
  const at = (part: number) =>
    Number((latencies[Math.floor(latencies.length * part)] ?? 0).toFixed(2))
  return {
    name: scenario.name,
    named,
    valueBytes,
    putsPerSecond: Math.round(latencies.length / elapsed),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    failures,
  }
}

async function stop(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(child => {
      const exit = once(child, 'exit')
      child.stdin?.end()
      return exit
    }),
  )
}

const seconds = Number(process.argv[2] ?? 5)
const valueBytes = Number(process.argv[3] ?? 1_024)
const rounds = Number(process.argv[4] ?? 1)
const directory = mkdtempSync(join(tmpdir(), 'raftsman-bench-'))
const { members, children } = await startMembers(directory)
try {
  const endpoints = await leaderFirst(members)
  const rates = new Map<string, number[]>()
  for (let round = 0; round < rounds; round += 1) {
    for (const scenario of scenarios) {
      const found: number[] = []
      // Whichever is first in one round is second in the next.
      for (const named of round % 2 === 0 ? [false, true] : [true, false]) {
        const result = await measure(scenario, endpoints, seconds, valueBytes, named)
        process.stdout.write(`${JSON.stringify(result)}\n`)
        found[Number(named)] = result.putsPerSecond
      }
      const ratio = (found[1] ?? 0) / (found[0] ?? 1)
      rates.set(scenario.name, [...(rates.get(scenario.name) ?? []), ratio])
    }
  }
  for (const [name, ratios] of rates) {
    const namedByPlain = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)]
    process.stdout.write(`${JSON.stringify({ name, rounds, namedByPlain })}\n`)
  }
} finally {
  await stop(children)
  rmSync(directory, { recursive: true, force: true })
}
