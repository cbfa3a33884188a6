// `raftsman store`: one member of the store, on its own or as a part of a master.

import { Option, type Command } from 'commander'
import { mkdirSync, readFileSync } from 'node:fs'
import { nodeDisk } from '../../platform/node/disk.js'
import { letGarbageGather } from '../../platform/node/heap-growth.js'
import { nodeNetwork } from '../../platform/node/network.js'
import { nodeProcesses } from '../../platform/node/processes.js'
import { must } from '../../platform/errors.js'
import type { Credentials } from '../../store/client/login.js'
import { passwordCostDefault } from '../../store/server/auth/passwords.js'
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
import { type FoundingFlags, settleMember } from './store-founding.js'

/** For a leader that was removed: to answer whoever asked for it, and to hand over. */
const removedGraceMs = 1_000

/** Memory for time: see platform/node/heap-growth.ts. */
const garbageBytes = 128 * 1024 * 1024

interface Flags extends ComponentFlags, FoundingFlags {
  readonly name: string
  readonly maxLearners: number
  readonly joinUser?: string
  readonly joinPasswordFile?: string
  readonly heartbeatInterval: number
  readonly electionTimeout: number
  readonly entriesKept: number
  readonly segmentMib: number
  readonly authTokenTtl: number
  readonly passwordCost: number
  readonly quotaBackendBytes?: number
  readonly tls: boolean
  readonly peerTls: boolean
}

function milliseconds(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`"${text}" is not a number of milliseconds.`)
  return value
}

function bytes(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UserError(`"${text}" is not a number of bytes.`)
  return value
}

function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`"${text}" is not a whole number above zero.`)
  return value
}

/** Below the first a stolen hash is soon guessed; above the second a login takes seconds. */
function passwordCost(text: string): number {
  const value = count(text)
  if (value < 10 || value > 18) throw new UserError('--password-cost is a number from 10 to 18.')
  return value
}

export function define(command: Command): void {
  componentFlags(command)
    .requiredOption('--data-dir <folder>', 'log and state of this member')
    .option(
      '--initial-cluster <members>',
      'founds a cluster: every member as name=peer/client, with commas between; the same list everywhere',
    )
    .option(
      '--join <addresses>',
      'comes into a cluster that exists, by the client addresses of members that live',
    )
    .option('--join-user <name>', 'as this user, where the cluster asks who one is')
    .option('--join-password-file <file>', 'its password')
    .option('--replaces <member>', 'with --join: in the place of this one, by name or id')
    .addOption(
      new Option(
        '--initial-cluster-state <state>',
        '"existing": join the others in --initial-cluster',
      )
        .choices(['new', 'existing'])
        .default('new'),
    )
    .option('--listen-client <address>', 'client port; the one in the list when absent')
    .option('--listen-peer <address>', 'peer port; the one in the list when absent')
    .option('--advertise-client <address>', 'where clients reach it, when that is another address')
    .option('--advertise-peer <address>', 'where peers reach it, when that is another address')
    .option('--max-learners <n>', 'members without a vote at a time', count, 1)
    .option('--heartbeat-interval <ms>', 'between heartbeats of the leader', milliseconds, 100)
    .option('--election-timeout <ms>', 'without a heartbeat, until an election', milliseconds, 1000)
    .option('--entries-kept <n>', 'of the log at least, for members that lag', count, 5000)
    .option('--segment-mib <n>', 'size of a file of the log, in MiB', count, 64)
    .option('--auth-token-ttl <seconds>', 'how long a login lasts', count, 300)
    .option('--password-cost <log2>', 'of hashing a password; 15 is 32 MiB', passwordCost, 15)
    .option(
      '--quota-backend-bytes <n>',
      'what the cluster may store, 0 for no limit; what it has when absent, which is no limit at first',
      bytes,
    )
    .option('--no-tls', 'a plain client port')
    .option('--no-peer-tls', 'a plain peer port, for tries on one machine')
  tlsFlags(command, '', 'of the client port')
  tlsFlags(command, 'peer-', 'towards peers')
  command.action((flags: Flags) => runComponent('store', flags, parts => start(flags, parts)))
}

function credentialsOf({ joinUser, joinPasswordFile }: Flags): Credentials | undefined {
  if (joinUser === undefined && joinPasswordFile === undefined) return undefined
  if (joinUser === undefined || joinPasswordFile === undefined) {
    throw new UserError('--join-user and --join-password-file go together.')
  }
  return { user: joinUser, password: readFileSync(joinPasswordFile, 'utf8').trimEnd() }
}

async function start(flags: Flags, parts: ComponentParts): Promise<Running> {
  if (flags.electionTimeout < 5 * flags.heartbeatInterval) {
    throw new UserError('--election-timeout must be at least five times --heartbeat-interval.')
  }
  mkdirSync(flags.dataDir, { recursive: true, mode: 0o700 })
  letGarbageGather(garbageBytes)
  const { clock, random, logger, metrics, fatal, end } = parts
  const clientTls = flags.tls ? requiredTls(flags, '') : null
  const peerTls = flags.peerTls ? requiredTls(flags, 'peer') : null
  const network = nodeNetwork(logger)
  const joining = {
    tls: clientTls,
    clock,
    random,
    network,
    logger,
    credentials: credentialsOf(flags),
  }
  const identity = await settleMember(flags, joining)
  const self = must(
    identity.members.find(({ id }) => id === identity.id),
    'a member is in its own list',
  )
  return new Promise((resolve, reject) => {
    startStoreServer(
      {
        id: identity.id,
        name: identity.name,
        members: identity.members,
        clusterId: identity.clusterId,
        join: identity.joined,
        dataDirectory: flags.dataDir,
        listenClient: flags.listenClient ?? self.clientAddress,
        listenPeer: flags.listenPeer ?? self.peerAddress,
        clientTls,
        peerTls,
        tickMs: flags.heartbeatInterval,
        electionTicks: Math.round(flags.electionTimeout / flags.heartbeatInterval),
        entriesKept: flags.entriesKept,
        segmentBytes: flags.segmentMib * 1024 * 1024,
        learnersMax: flags.maxLearners,
        tokenTtlMs: flags.authTokenTtl * 1000,
        passwordCost: { ...passwordCostDefault, logN: flags.passwordCost },
        ...(flags.quotaBackendBytes === undefined
          ? {}
          : { quotaBackendBytes: flags.quotaBackendBytes }),
        version,
        clock,
        random,
        disk: nodeDisk(),
        network,
        processes: nodeProcesses(),
        logger,
        metrics,
        metricsText: () => metrics.text(),
        onRemoved() {
          logger.error(
            { id: identity.id, dataDir: flags.dataDir },
            'this member was removed from its cluster and ends; its directory is of no use any more: ' +
              'empty it, and join as a new member with --join',
          )
          clock.setTimer(removedGraceMs, () => end('removed from the cluster'))
        },
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
