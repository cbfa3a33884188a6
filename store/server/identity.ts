// Who a member is, in a file of its own directory: written before it takes part for the first time, and
// from then on the last word. Flags may move addresses; ids, names and the cluster stay. Counterpart: the
// metadata record of etcd's write-ahead log.

import type { RaftsmanError } from '../../platform/errors.js'
import type { Disk } from '../../platform/disk.js'
import { StoreServerError } from './options.js'
import type { StoreMember } from './options.js'

export interface MemberIdentity {
  readonly clusterId: number
  readonly id: number
  readonly name: string
  /** It was added to a cluster; else it is a founder. */
  readonly joined: boolean
  /** Itself and those it can find the others by: the founders, or who was there when it joined. */
  readonly members: readonly StoreMember[]
}

const fileName = 'member.json'
const fileBytesMax = 1024 * 1024
const formatVersion = 1

/** Null for a directory that no member has used, or only one of a version without this file. */
export function readIdentity(
  disk: Disk,
  directory: string,
  done: (error: RaftsmanError | null, identity?: MemberIdentity | null) => void,
): void {
  const path = `${directory}/${fileName}`
  disk.readFile(path, fileBytesMax, (error, content) => {
    if (error?.kind === 'not-found') done(null, null)
    else if (error !== null) done(error)
    else {
      const identity = parse(content ?? new Uint8Array())
      if (identity !== null) done(null, identity)
      else done(new StoreServerError(`${path} is damaged; ${replaceIt}`))
    }
  })
}

/** Answers when it is durable. */
export function writeIdentity(
  disk: Disk,
  directory: string,
  identity: MemberIdentity,
  done: (error: RaftsmanError | null) => void,
): void {
  const { clusterId, id, name, joined, members } = identity
  const content = { format: formatVersion, clusterId, id, name, joined, members }
  disk.replaceFile(
    `${directory}/${fileName}`,
    Buffer.from(`${JSON.stringify(content, null, 2)}\n`),
    done,
  )
}

const replaceIt =
  'restore it from a copy, or empty the directory and let the member join anew in its own place ' +
  '(--join with --replaces)'

/**
 * The identity that a member goes on with, when it was given `told` this time: addresses of members that
 * it knows are taken over, everything else stays as it was.
 */
export function withAddresses(
  identity: MemberIdentity,
  told: readonly StoreMember[],
): MemberIdentity {
  const members = identity.members.map(member => {
    const now = told.find(({ name }) => name === member.name)
    if (now === undefined) return member
    const { peerAddress, clientAddress } = now
    return { ...member, peerAddress, clientAddress }
  })
  return { ...identity, members }
}

/** Names in one of the lists alone: such a difference is not followed, and worth saying. */
export function strangers(
  identity: MemberIdentity,
  told: readonly StoreMember[],
): readonly string[] {
  const known = new Set(identity.members.map(({ name }) => name))
  const now = new Set(told.map(({ name }) => name))
  return [...known, ...now].filter(name => !known.has(name) || !now.has(name))
}

function parse(content: Uint8Array): MemberIdentity | null {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(content).toString('utf8'))
  } catch {
    return null
  }
  if (!isRecord(value) || value['format'] !== formatVersion) return null
  const { clusterId, id, name, joined, members } = value
  if (!isId(clusterId) || !isId(id) || typeof name !== 'string') return null
  if (typeof joined !== 'boolean' || !Array.isArray(members)) return null
  const all = members.map(parseMember)
  if (!all.every(member => member !== null)) return null
  if (!all.some(member => member.id === id)) return null
  return { clusterId, id, name, joined, members: all }
}

function parseMember(value: unknown): StoreMember | null {
  if (!isRecord(value)) return null
  const { id, name, peerAddress, clientAddress } = value
  const texts = [name, peerAddress, clientAddress]
  if (!isId(id) || !texts.every(text => typeof text === 'string')) return null
  return {
    id,
    name: name as string,
    peerAddress: peerAddress as string,
    clientAddress: clientAddress as string,
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const isId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0
