// What a person sees of a message, an entry, a membership: one line or one word each. The trace of
// golden scripts is made of these; docs/raft-scripts.md explains how to read it.

import { unreachable } from '../../../platform/errors.js'
import { type ConfChange, decodeConfChange } from '../conf-change.js'
import type { PeerStatus } from '../config.js'
import type { AppendTask, ConfState, Entry, HardState, Message, NodeId, Ready } from '../types.js'

const decoder = new TextDecoder()
/** Payloads of one letter, longer than this, are written `x*100`. */
const repeatedMin = 8

export function payload(data: Uint8Array): string {
  const text = decoder.decode(data)
  const [first] = text
  if (first === undefined) return '""'
  return text.length > repeatedMin && text === first.repeat(text.length)
    ? `${first}*${text.length}`
    : text
}

const signs = { addVoter: '+', addLearner: '~', remove: '-' } as const

export function changeText(change: ConfChange | null): string {
  if (change === null) return 'garbage'
  if (change.length === 0) return 'leave'
  return change.map(({ kind, node }) => `${signs[kind]}${node}`).join(',')
}

function content(entry: Entry): string {
  switch (entry.kind) {
    case 'normal':
      return payload(entry.data)
    case 'noop':
      return 'noop'
    case 'confChange':
      return `change(${changeText(decodeConfChange(entry.data))})`
    default:
      return unreachable(entry.kind)
  }
}

export function applied(entries: readonly Entry[]): string {
  return entries.map(entry => `${entry.index}:${payload(entry.data)}`).join(' ')
}

export function membership(conf: ConfState): string {
  const list = (name: string, ids: readonly NodeId[]): string =>
    ids.length === 0 ? '' : `, ${name} ${ids.join(' ')}`
  return (
    `voters ${conf.voters.join(' ')}${list('outgoing', conf.votersOutgoing)}` +
    `${list('learners', conf.learners)}${list('learners next', conf.learnersNext)}`
  )
}

export function peer(progress: PeerStatus): string {
  const { id, state, match, next, inflightMessages, pendingSnapshot } = progress
  const flight = inflightMessages > 0 ? `, ${inflightMessages} in flight` : ''
  const snapshot = pendingSnapshot > 0 ? `, snapshot ${pendingSnapshot}` : ''
  const rest = `${progress.learner ? ', learner' : ''}${progress.recentActive ? '' : ', silent'}`
  return `${id} ${state} match ${match} next ${next}${flight}${snapshot}${rest}`
}

function hard({ term, vote, commit }: HardState): string {
  return `term ${term} vote ${vote} commit ${commit}`
}

/** Empty for a task that only puts earlier ones in order. */
export function written({ entries, hardState, snapshot }: AppendTask): string {
  const parts: string[] = []
  if (snapshot !== null) parts.push(`snapshot ${snapshot.index}/${snapshot.term}`)
  if (hardState !== null) parts.push(hard(hardState))
  if (entries.length > 0) parts.push(entries.map(e => `${e.index}/${e.term}`).join(' '))
  return parts.join(', ')
}

/** What a node tells its shell, apart from messages, writes and entries. */
export function told(node: NodeId, ready: Ready): string[] {
  const lines: string[] = []
  if (ready.softState !== null) {
    const { role, leader, term } = ready.softState
    const following = role === 'follower' && leader !== 0 ? ` of ${leader}` : ''
    lines.push(`${node} is ${role}${following} in term ${term}`)
  }
  for (const read of ready.readStates) {
    const outcome = read.index === 0 ? 'refused' : `served at ${read.index}`
    lines.push(`${node} read ${read.context} ${outcome}`)
  }
  for (const { sequences, reason } of ready.refusedProposals) {
    lines.push(`${node} refused proposal ${sequences.join(' ')}: ${reason}`)
  }
  return lines
}

/** Who, to whom, in which term, and the fields that matter. */
export function describe(message: Message): string {
  const head = `${message.from}->${message.to} t${message.term}`
  switch (message.kind) {
    case 'voteRequest': {
      const kind = message.preVote ? 'preVote?' : 'vote?'
      const force = message.force ? ' forced' : ''
      const known = message.commit > 0 ? `, commit ${message.commit}/${message.commitTerm}` : ''
      return `${head} ${kind}${force} last ${message.lastIndex}/${message.lastTerm}${known}`
    }
    case 'voteResponse': {
      const known =
        message.commit > 0 ? `, ${message.commit}/${message.commitTerm} is committed` : ''
      return `${head} ${message.preVote ? 'preVote' : 'vote'} ${message.granted ? 'yes' : `no${known}`}`
    }
    case 'appendRequest': {
      const { prevIndex, prevTerm, entries, commit } = message
      const what = entries.map(e => `${e.index}/${e.term}:${content(e)}`).join(' ') || 'nothing'
      return `${head} append after ${prevIndex}/${prevTerm}: ${what}, commit ${commit}`
    }
    case 'appendResponse':
      return message.rejected
        ? `${head} reject ${message.index}, try ${message.hintIndex}/${message.hintTerm}`
        : `${head} ack ${message.index}`
    case 'heartbeatRequest':
      return `${head} heartbeat, commit ${message.commit}, round ${message.readRound}`
    case 'heartbeatResponse':
      return `${head} heard, round ${message.readRound}`
    case 'snapshotRequest': {
      const { index, term, confState } = message.snapshot
      return `${head} snapshot ${index}/${term}, ${membership(confState)}`
    }
    case 'readIndexRequest':
      return `${head} read ${message.context}?`
    case 'readIndexResponse':
      return `${head} read ${message.context} at ${message.index}`
    case 'proposalForward':
      return `${head} propose ${message.proposals.payloads.map(payload).join(' ')}`
    case 'proposalRefused':
      return `${head} refuse ${message.sequences.join(' ')}: ${message.reason}`
    case 'transferLeaderRequest':
      return `${head} transfer to ${message.transferee}`
    case 'timeoutNow':
      return `${head} take over now`
    default:
      return unreachable(message)
  }
}
