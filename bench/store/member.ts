// One store member in a process of its own, for load generators: takes its place in the cluster as
// JSON, says "ready" on standard output, and ends when its standard input does, with the longest times
// for which its event loop was busy.

import { monitorEventLoopDelay } from 'node:perf_hooks'

import { quietPlatform } from '../../platform/testing/quiet-platform.js'
import { startStoreServer, type StoreMember } from '../../store/index.js'

export interface MemberPlan {
  readonly id: number
  readonly members: readonly StoreMember[]
  readonly dataDirectory: string
}

function fail(error: Error): never {
  process.stderr.write(`${error.stack ?? error.message}\n`)
  process.exit(1)
}

const plan = JSON.parse(process.argv[2] ?? '') as MemberPlan
const self = plan.members.find(({ id }) => id === plan.id)
if (self === undefined) throw new Error('the plan does not name this member')

startStoreServer(
  {
    id: self.id,
    name: self.name,
    members: plan.members,
    dataDirectory: plan.dataDirectory,
    listenClient: self.clientAddress,
    listenPeer: self.peerAddress,
    clientTls: null,
    peerTls: null,
    version: 'bench',
    ...quietPlatform(),
    onFatal: fail,
  },
  (error, server) => {
    if (error !== null || server === undefined) fail(error ?? new Error('no server'))
    const busy = monitorEventLoopDelay({ resolution: 5 })
    busy.enable()
    process.stdout.write('ready\n')
    process.stdin.on('end', () => {
      const [p99Ms, mostMs] = [busy.percentile(99), busy.max].map(ns => Math.round(ns / 1e6))
      process.stdout.write(`${JSON.stringify({ p99Ms, mostMs })}\n`)
      server.stop(() => process.exit(0))
    })
    process.stdin.resume()
  },
)
