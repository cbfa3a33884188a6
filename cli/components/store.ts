// `raftsman store`: one member of the store, on its own or as a part of a master.

import type { Command } from 'commander'
import { mkdirSync } from 'node:fs'
import { nodeDisk } from '../../platform/node/disk.js'
import { nodeNetwork } from '../../platform/node/network.js'
import { nodeProcesses } from '../../platform/node/processes.js'
import type { StoreMember } from '../../store/server/options.js'
import { startStoreServer } from '../../store/server/server.js'
import { UserError } from '../user-error.js'
import { version } from '../version.js'
import {
  type ComponentFlags,
  type ComponentParts,
  componentFlags,
  requiredTls,
  runComponent,
  type Running,
  tlsFlags,
} from './component.js'

interface Flags extends ComponentFlags {
  readonly dataDir: string
  readonly initialCluster: string
  readonly listenClient?: string
  readonly listenPeer?: string
  readonly heartbeatInterval: number
  readonly electionTimeout: number
  readonly entriesKept: number
  readonly segmentMib: number
  readonly tls: boolean
}

function milliseconds(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`"${text}" is not a number of milliseconds.`)
  return value
}

function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`"${text}" is not a whole number above zero.`)
  return value
}

export function define(command: Command): void {
  componentFlags(command)
    .requiredOption('--data-dir <folder>', 'log and state of this member')
    .requiredOption(
      '--initial-cluster <members>',
      'every member as name=peer/client, with commas between; the same list everywhere',
    )
    .option('--listen-client <address>', 'client port; the one in the list when absent')
    .option('--listen-peer <address>', 'peer port; the one in the list when absent')
    .option('--heartbeat-interval <ms>', 'between heartbeats of the leader', milliseconds, 100)
    .option('--election-timeout <ms>', 'without a heartbeat, until an election', milliseconds, 1000)
    .option('--entries-kept <n>', 'of the log, for members that lag', count, 5000)
    .option('--segment-mib <n>', 'size of a file of the log, in MiB', count, 64)
    .option('--no-tls', 'a plain client port')
  tlsFlags(command, '', 'of the client port')
  tlsFlags(command, 'peer-', 'towards peers')
  command.action((flags: Flags) => runComponent('store', flags, parts => start(flags, parts)))
}

/** "master-1=127.0.0.1:12380/127.0.0.1:12379,…": ids are places in the list, from 1. */
export function parseMembers(text: string): readonly StoreMember[] {
  return text.split(',').map((part, position) => {
    const match = /^([^=/]+)=([^=/]+:\d+)\/([^=/]+:\d+)$/.exec(part.trim())
    const [, name, peerAddress, clientAddress] = match ?? []
    if (name === undefined || peerAddress === undefined || clientAddress === undefined) {
      throw new UserError(
        `"${part}" is not a member: write name=peer/client, as in master-1=127.0.0.1:12380/127.0.0.1:12379.`,
      )
    }
    return { id: position + 1, name, peerAddress, clientAddress }
  })
}

function start(flags: Flags, parts: ComponentParts): Promise<Running> {
  const members = parseMembers(flags.initialCluster)
  const self = members.find(({ name }) => name === flags.name)
  if (self === undefined) throw new UserError(`--initial-cluster does not name ${flags.name}.`)
  if (flags.electionTimeout < 5 * flags.heartbeatInterval) {
    throw new UserError('--election-timeout must be at least five times --heartbeat-interval.')
  }
  mkdirSync(flags.dataDir, { recursive: true, mode: 0o700 })
  const { clock, random, logger, metrics, fatal } = parts
  return new Promise((resolve, reject) => {
    startStoreServer(
      {
        id: self.id,
        name: self.name,
        members,
        dataDirectory: flags.dataDir,
        listenClient: flags.listenClient ?? self.clientAddress,
        listenPeer: flags.listenPeer ?? self.peerAddress,
        clientTls: flags.tls ? requiredTls(flags, '') : null,
        peerTls: requiredTls(flags, 'peer'),
        tickMs: flags.heartbeatInterval,
        electionTicks: Math.round(flags.electionTimeout / flags.heartbeatInterval),
        entriesKept: flags.entriesKept,
        segmentBytes: flags.segmentMib * 1024 * 1024,
        version,
        clock,
        random,
        disk: nodeDisk(),
        network: nodeNetwork(logger),
        processes: nodeProcesses(),
        logger,
        metrics,
        metricsText: () => metrics.text(),
        onFatal: fatal,
      },
      (error, server) => {
        if (error !== null || server === undefined)
          reject(error ?? new Error('the store did not start'))
        else resolve({ stop: () => new Promise<void>(done => server.stop(done)) })
      },
    )
  })
}
