// Ten thousand connections that do nothing: clients of both protocols that have greeted, and some that never
// say a word. Others are served meanwhile, memory stays bounded, and nothing is left of them afterwards.

import { readdirSync, readFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { afterEach, expect, it } from 'vitest'

import { must } from '../../platform/errors.js'
import { clientOf, text, utf8 } from './testing/clients.js'
import { until } from './testing/fleet.js'
import { MemberProcess } from './testing/member-process.js'
import { RawPeer } from './testing/raw-peer.js'

/** Of each kind; our own protocol has a limit of 4,096. */
const counts = { native: 3_400, grpc: 3_300, silent: 3_300 }
/** At the same time, so that the queue of the listening socket holds them. */
const openingAtOnce = 100
const memoryMiBMax = 768

interface Idle {
  close(): void
}

let member: MemberProcess | null = null

afterEach(async () => {
  await member?.stop()
  member = null
})

const memoryMiB = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(must(/VmRSS:\s+(\d+) kB/.exec(status)?.[1], 'resident memory')) / 1024
}

const socketsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

function greetedHttp2(address: string): Promise<Idle> {
  const session = connectHttp2(`http://${address}`)
  return new Promise((resolve, reject) => {
    session.once('remoteSettings', () => resolve(session))
    session.on('error', reject)
  })
}

/** Resolves when it is open; `onCut` when the other side has ended it. */
function silent(address: string, onCut: () => void): Promise<Idle> {
  const [host, port] = address.split(':')
  const socket = connectTcp(Number(port), host)
  socket.on('close', onCut)
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve({ close: () => socket.destroy() }))
    socket.on('error', reject)
  })
}

async function open(count: number, one: () => Promise<Idle>): Promise<Idle[]> {
  const opened: Idle[] = []
  while (opened.length < count) {
    const batch = Math.min(openingAtOnce, count - opened.length)
    opened.push(...(await Promise.all(Array.from({ length: batch }, one))))
  }
  return opened
}

it('10,000 idle connections harm nobody, and the silent ones are cut', async () => {
  const lone = await MemberProcess.start()
  member = lone
  const { address, pid } = lone
  const before = socketsOf(pid)
  let cut = 0
  const idle = [
    ...(await open(counts.native, () => RawPeer.greeted(address))),
    ...(await open(counts.grpc, () => greetedHttp2(address))),
    ...(await open(counts.silent, () => silent(address, () => (cut += 1)))),
  ]
  expect(socketsOf(pid)).toBeGreaterThanOrEqual(before + counts.native + counts.grpc)
  const client = clientOf([address])
  await client.put({ key: utf8('a'), value: utf8('served') })
  const { kvs } = await client.range({ key: utf8('a') })
  expect(kvs.map(({ value }) => text(value))).toEqual(['served'])
  expect((await fetch(`http://${address}/health`)).ok).toBe(true)
  expect(memoryMiB(pid)).toBeLessThan(memoryMiBMax)
  await until(() => cut === counts.silent)
  await client.put({ key: utf8('a'), value: utf8('still') })
  for (const connection of idle) connection.close()
  client.close()
  await until(() => socketsOf(pid) <= before)
  expect(lone.running).toBe(true)
}, 120_000)
