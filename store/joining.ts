// How a member with an empty directory comes into a cluster: it asks living members who there is, has
// itself added where nobody has done so, and learns its id. And what a founder asks before it makes a
// first membership of its own: whether it was a member already and has lost its directory, with all that
// it promised. Counterpart: the bootstrap of etcd's server (existing cluster, and "already bootstrapped").

import type { Clock } from '../platform/clock.js'
import { RaftsmanError } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import type { Address, Network, TlsFiles } from '../platform/network.js'
import type { Random } from '../platform/random.js'
import type { Credentials } from './client/login.js'
import { MemberLink } from './client/member-link.js'
import { StoreClient } from './client/store-client.js'
import type { Member } from './core/types.js'
import type { MemberIdentity } from './server/identity.js'
import type { StoreMember } from './server/options.js'
import { StoreServerError } from './server/options.js'

const retryMs = 500
const foundersAskedMsMax = 1_000

export interface JoiningParts {
  /** Of the client ports. */
  readonly tls: TlsFiles | null
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly logger: Logger
  /** Where the cluster asks who one is. */
  readonly credentials?: Credentials | undefined
}

export interface Joiner {
  readonly name: string
  readonly peerAddress: Address
  readonly clientAddress: Address
  /** Client addresses of members that live. */
  readonly endpoints: readonly Address[]
  /** Name or id of a member whose place it takes, one that is gone above all. */
  readonly replaces?: string
}

/**
 * Waits as long as the cluster is out of reach or busy with another member. Rejects with a sentence when
 * it can never be let in like that.
 */
export async function joinCluster(joiner: Joiner, parts: JoiningParts): Promise<MemberIdentity> {
  const { credentials, ...platform } = parts
  const client = new StoreClient({
    ...platform,
    ...(credentials === undefined ? {} : { credentials }),
    endpoints: joiner.endpoints,
    clientName: `${joiner.name}, which joins`,
    requestTimeoutMs: 5_000,
  })
  let told = ''
  try {
    for (;;) {
      try {
        return await attempt(joiner, client)
      } catch (error) {
        if (!(error instanceof RaftsmanError) || error instanceof StoreServerError) throw error
        if (!error.retryable && error.outcome === 'not-applied')
          throw new StoreServerError(`the cluster does not take ${joiner.name}: ${error.message}`)
        if (error.message !== told)
          parts.logger.warn({ reason: error.message }, 'not in the cluster yet; trying again')
        told = error.message
        await new Promise<void>(done => parts.clock.setTimer(retryMs, done))
      }
    }
  } finally {
    client.close()
  }
}

async function attempt(joiner: Joiner, client: StoreClient): Promise<MemberIdentity> {
  const { header, members } = await client.memberListResponse()
  const own = members.filter(({ peerAddresses }) => peerAddresses[0] === joiner.peerAddress)
  const waiting = own.find(({ clientAddresses }) => clientAddresses.length === 0)
  if (waiting !== undefined) {
    const named = await withName(joiner, waiting, client)
    return identityOf(joiner, header.clusterId, named, members)
  }
  const told = { name: joiner.name, peerAddresses: [joiner.peerAddress] }
  const former = members.find(({ id, name }) => {
    return joiner.replaces !== undefined && [name, String(id)].includes(joiner.replaces)
  })
  if (former !== undefined) {
    const added = await client.memberReplace(former.id, told)
    return identityOf(joiner, header.clusterId, added.member, added.members)
  }
  checkPlace(joiner, own[0], members)
  const added = await client.memberAdd(told, 'promoted')
  return identityOf(joiner, header.clusterId, added.member, added.members)
}

/** One that was added without a name is given its own: peers look for it in the certificate. */
async function withName(joiner: Joiner, member: Member, client: StoreClient): Promise<Member> {
  if (member.name === joiner.name) return member
  if (member.name !== '')
    throw new StoreServerError(
      `the member at ${joiner.peerAddress} was added as "${member.name}"; start it under that name`,
    )
  const { peerAddresses } = member
  await client.memberUpdate(member.id, { name: joiner.name, peerAddresses })
  return { ...member, name: joiner.name }
}

/** Throws a sentence where adding it would be wrong. */
function checkPlace(joiner: Joiner, own: Member | undefined, members: readonly Member[]): void {
  const { name, peerAddress, replaces } = joiner
  if (replaces !== undefined && own === undefined && !members.some(known => known.name === name))
    throw new StoreServerError(`there is no member "${replaces}" that ${name} could replace`)
  if (own !== undefined)
    throw new StoreServerError(
      `"${own.name}" (id ${own.id}) has run at ${peerAddress} before, and this directory is empty: what it ` +
        `promised is lost. Start it with --replaces ${own.id} to take its place as a new member`,
    )
  const namesake = members.find(known => known.name === name)
  if (namesake !== undefined)
    throw new StoreServerError(
      `there is a member "${name}" (id ${namesake.id}) already, at ${namesake.peerAddresses.join(', ')}; ` +
        `choose another name, or take its place with --replaces ${namesake.id}`,
    )
}

function identityOf(
  joiner: Joiner,
  clusterId: number,
  { id }: Member,
  members: readonly Member[],
): MemberIdentity {
  const { name, peerAddress, clientAddress } = joiner
  // Those that have never started are of no help, and the one that it replaces may have its name.
  const others = members.filter(other => {
    return other.id !== id && other.name !== name && other.clientAddresses.length > 0
  })
  const known = others.map(
    (other): StoreMember => ({
      id: other.id,
      name: other.name,
      peerAddress: other.peerAddresses[0] ?? '',
      clientAddress: other.clientAddresses[0] ?? '',
    }),
  )
  const self = { id, name, peerAddress, clientAddress }
  return { clusterId, id, name, joined: true, members: [self, ...known] }
}

/**
 * For a founder whose directory is empty: rejects with a sentence when one of the others knows it as a
 * member that has run before, or as one that was removed. Others that do not answer at once are not there
 * yet: then this is the beginning.
 */
export async function checkFounding(identity: MemberIdentity, parts: JoiningParts): Promise<void> {
  const others = identity.members.filter(({ id }) => id !== identity.id)
  await Promise.all(others.map(other => askFounder(identity, other, parts)))
}

async function askFounder(
  identity: MemberIdentity,
  other: StoreMember,
  { tls, clock, network, credentials }: JoiningParts,
): Promise<void> {
  const { name, id, clusterId } = identity
  const link = new MemberLink({
    address: other.clientAddress,
    tls,
    clock,
    network,
    clientName: `${name}, which starts`,
    credentials,
    requestTimeoutMs: foundersAskedMsMax,
  })
  try {
    const { response } = await link.ask<'memberList'>({ kind: 'memberList', linearizable: false })
    if (response.header.clusterId !== clusterId || response.members.length === 0) return
    const self = response.members.find(member => member.id === id)
    if (self === undefined)
      throw new StoreServerError(
        `${name} (id ${id}) was removed from this cluster; join it as a new member, with --join`,
      )
    if (self.clientAddresses.length === 0) return
    throw new StoreServerError(
      `${name} (id ${id}) has run in this cluster before, and its directory is empty: what it promised is ` +
        `lost. Start it with --join ${other.clientAddress} --replaces ${id} to take its place as a new member`,
    )
  } catch (error) {
    // Whoever cannot be asked has nothing to say against it.
    if (error instanceof StoreServerError || !(error instanceof RaftsmanError)) throw error
  } finally {
    link.close()
  }
}
