// The way in for a store member: its directory says who it is; an empty one is a founder of the cluster
// that --initial-cluster describes, or joins the one that --join leads to. Every other combination is
// a sentence about what is missing.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { nodeDisk } from '../../platform/node/disk.js'
import type { Logger } from '../../platform/logger.js'
import type { JoiningParts } from '../../store/joining.js'
import { checkFounding, joinCluster } from '../../store/joining.js'
import type { MemberIdentity } from '../../store/server/identity.js'
import { readIdentity, strangers, withAddresses } from '../../store/server/identity.js'
import type { StoreMember } from '../../store/server/options.js'
import { deriveClusterId } from '../../store/server/options.js'
import { UserError } from '../user-error.js'

export interface FoundingFlags {
  readonly name: string
  readonly dataDir: string
  readonly initialCluster?: string
  readonly initialClusterState: 'new' | 'existing'
  readonly join?: string
  readonly replaces?: string
  readonly listenClient?: string
  readonly listenPeer?: string
  readonly advertiseClient?: string
  readonly advertisePeer?: string
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

/** Who this member is from now on. May wait for a cluster that is out of reach. */
export async function settleMember(
  flags: FoundingFlags,
  parts: JoiningParts,
): Promise<MemberIdentity> {
  const told = flags.initialCluster === undefined ? null : parseMembers(flags.initialCluster)
  const known = await storedIdentity(flags.dataDir)
  if (known !== null) return goOn(known, flags, told, parts.logger)
  // One of a version that kept no such file: it is what it was told to be.
  const isUsed = existsSync(join(flags.dataDir, 'log'))
  if (told !== null && flags.join !== undefined) {
    throw new UserError(
      '--initial-cluster founds a cluster and --join comes into one: give one of them.',
    )
  }
  const endpoints = endpointsToJoin(flags, told)
  if (endpoints !== null && !isUsed) {
    const self = ownAddresses(flags, told)
    return joinCluster(
      {
        name: flags.name,
        ...self,
        endpoints,
        ...(flags.replaces === undefined ? {} : { replaces: flags.replaces }),
      },
      parts,
    )
  }
  if (told === null) {
    throw new UserError(
      `${flags.dataDir} is empty: say --initial-cluster to found a cluster, or --join with the client ` +
        'addresses of its members to come into one.',
    )
  }
  const founder = founderOf(flags.name, told)
  if (!isUsed) await checkFounding(founder, parts)
  return founder
}

function founderOf(name: string, members: readonly StoreMember[]): MemberIdentity {
  const self = members.find(member => member.name === name)
  if (self === undefined) throw new UserError(`--initial-cluster does not name ${name}.`)
  return { clusterId: deriveClusterId(members), id: self.id, name, joined: false, members }
}

function goOn(
  known: MemberIdentity,
  flags: FoundingFlags,
  told: readonly StoreMember[] | null,
  logger: Logger,
): MemberIdentity {
  if (known.name !== flags.name) {
    throw new UserError(
      `${flags.dataDir} belongs to the member "${known.name}", not to "${flags.name}"; give each its own.`,
    )
  }
  if (told === null) {
    const { advertisePeer, listenPeer, advertiseClient, listenClient, name } = flags
    const peerAddress = advertisePeer ?? listenPeer
    const clientAddress = advertiseClient ?? listenClient
    if (peerAddress === undefined || clientAddress === undefined) return known
    return withAddresses(known, [{ id: known.id, name, peerAddress, clientAddress }])
  }
  const differing = strangers(known, told)
  if (differing.length > 0) {
    logger.warn(
      { differing },
      'the list of members is another one than in this directory, which counts; use `raftsman member`',
    )
  }
  return withAddresses(known, told)
}

function endpointsToJoin(
  flags: FoundingFlags,
  told: readonly StoreMember[] | null,
): readonly string[] | null {
  if (flags.join !== undefined) return flags.join.split(',').map(address => address.trim())
  if (flags.initialClusterState === 'new') return null
  const others = (told ?? []).filter(({ name }) => name !== flags.name)
  if (others.length === 0) {
    throw new UserError(
      '--initial-cluster-state existing needs the other members in --initial-cluster, or --join.',
    )
  }
  return others.map(({ clientAddress }) => clientAddress)
}

/** Where others are told to find it. */
function ownAddresses(
  flags: FoundingFlags,
  told: readonly StoreMember[] | null,
): { readonly peerAddress: string; readonly clientAddress: string } {
  const listed = told?.find(({ name }) => name === flags.name)
  const peerAddress = flags.advertisePeer ?? listed?.peerAddress ?? flags.listenPeer
  const clientAddress = flags.advertiseClient ?? listed?.clientAddress ?? flags.listenClient
  if (peerAddress === undefined || clientAddress === undefined) {
    throw new UserError(
      'A member that joins says where the others find it: --listen-peer and --listen-client, and ' +
        '--advertise-peer and --advertise-client where these are others.',
    )
  }
  return { peerAddress, clientAddress }
}

function storedIdentity(dataDir: string): Promise<MemberIdentity | null> {
  return new Promise((resolve, reject) => {
    readIdentity(nodeDisk(), dataDir, (error, identity) => {
      if (error === null) resolve(identity ?? null)
      else reject(error)
    })
  })
}
