// Bodies about members: who is one, and what changes it. Requests that change the membership are
// answered by the leader, so each carries whether it has been passed on already.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue } from '../../platform/msgpack.js'
import type { Member, ResponseHeader } from '../core/types.js'
import { ProtocolError, protocolLimits } from './messages.js'
import type { Answer, MemberChange, MemberChangeKind } from './messages.js'
import { asFields, asFlag, asList, asName, asText, asUint } from './wire.js'

const modes = ['promoted', 'learner', 'voter'] as const

/** What follows the id of the request. */
export function memberChangeFields(change: MemberChange): readonly PackedValue[] {
  const { forwarded } = change
  switch (change.kind) {
    case 'memberAdd':
      return [change.name, change.peerAddresses, modes.indexOf(change.mode), forwarded]
    case 'memberUpdate':
    case 'memberReplace':
      return [change.member, change.name, change.peerAddresses, forwarded]
    case 'memberPromote':
    case 'memberRemove':
      return [change.member, forwarded]
    default:
      return unreachable(change)
  }
}

/** `fields` are those of the whole message: code and id come first. */
export function decodeMemberChange(
  kind: MemberChangeKind,
  id: number,
  fields: readonly unknown[],
): MemberChange {
  const forwarded = asFlag(fields.at(-1), `${kind} forwarded`)
  switch (kind) {
    case 'memberAdd':
      return {
        kind,
        id,
        name: asText(fields[2], 'memberAdd name'),
        peerAddresses: asAddresses(fields[3], 'memberAdd peerAddresses'),
        mode: asName(fields[4], modes, 'memberAdd mode'),
        forwarded,
      }
    case 'memberUpdate':
    case 'memberReplace':
      return {
        kind,
        id,
        member: asUint(fields[2], `${kind} member`),
        name: asText(fields[3], `${kind} name`),
        peerAddresses: asAddresses(fields[4], `${kind} peerAddresses`),
        forwarded,
      }
    case 'memberPromote':
    case 'memberRemove':
      return { kind, id, member: asUint(fields[2], `${kind} member`), forwarded }
    default:
      return unreachable(kind)
  }
}

export function memberFields(member: Member): PackedValue {
  return [member.id, member.name, member.peerAddresses, member.clientAddresses, member.learner]
}

type MemberAnswer = Extract<Answer, { kind: MemberChangeKind | 'memberList' }>

export function memberAnswerBody({ kind, response }: MemberAnswer): PackedValue {
  const members = response.members.map(memberFields)
  return kind === 'memberAdd' || kind === 'memberReplace'
    ? [memberFields(response.member), members]
    : [members]
}

export function decodeMemberAnswer(
  kind: MemberChangeKind | 'memberList',
  id: number,
  header: ResponseHeader,
  body: unknown,
): MemberAnswer {
  if (kind === 'memberAdd' || kind === 'memberReplace') {
    const fields = asFields(body, 2, `${kind} answer`)
    const members = asList(fields[1], 'members').map(decodeMember)
    return { kind, id, response: { header, member: decodeMember(fields[0]), members } }
  }
  const fields = asFields(body, 1, `${kind} answer`)
  return { kind, id, response: { header, members: asList(fields[0], 'members').map(decodeMember) } }
}

function decodeMember(value: unknown): Member {
  const fields = asFields(value, 5, 'member')
  return {
    id: asUint(fields[0], 'member id'),
    name: asText(fields[1], 'member name'),
    peerAddresses: asAddresses(fields[2], 'member peerAddresses'),
    clientAddresses: asAddresses(fields[3], 'member clientAddresses'),
    learner: asFlag(fields[4], 'member learner'),
  }
}

function asAddresses(value: unknown, what: string): readonly string[] {
  const addresses = asList(value, what)
  const { addressesMax } = protocolLimits
  if (addresses.length > addressesMax)
    throw new ProtocolError(`${what} are more than ${addressesMax}`)
  return addresses.map(address => asText(address, what))
}
