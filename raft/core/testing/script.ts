// Golden scripts: commands a person can read, and the trace they leave. Counterpart: the
// interaction tests of etcd-io/raft. A script is text; lines that start with `>` are commands, the
// lines below each are what must happen. `replay` gives the same text with what did happen.
//
//   > nodes 1 2 3 [learners 4]    a new cluster, all followers; learners follow the word
//   > campaign 1                  1 hears nobody for an election timeout
//   > elect 1                   the same, and everything that follows, without a trace
//   > tick 1 [n]                  time passes at 1, n ticks
//   > propose 1 x [y ..]          1 is asked to propose payloads
//   > read 1 7 [8 ..]             1 is asked for read indexes, with these contexts
//   > transfer 1 2                1 is asked to hand leadership to 2
//   > deliver                     what is on the wire arrives, its answers do not
//   > stabilize                   deliver until nothing moves
//   > drop 1->3                   from now on this link loses everything (one way)
//   > partition 1 | 2 3           the groups cannot talk
//   > heal                        every link works again
//   > forget                      everything on the wire is lost
//   > hold 1 / > write 1          1's disk stalls / finishes one write
//   > flow 1                      1's disk finishes everything, and stalls no longer
//   > crash 1 / > restart 1       1 loses what is not durable / comes back
//   > compact 1 5                 1 forgets its log up to 5
//   > status / > logs             roles and indexes / terms of all logs

import { unreachable } from '../../../platform/errors.js'
import type { Random } from '../../../platform/random.js'
import type { RaftConfig } from '../config.js'
import {
  type Entry,
  type HardState,
  type LogIndex,
  logIndex,
  type Message,
  type NodeId,
  nodeId,
  type Ready,
} from '../types.js'
import { emptyDisk, type Post, TestNode } from './test-node.js'

/** Every election timeout is the longest, 19 ticks: scripts say who campaigns. */
const steady: Random = {
  next: () => 0,
  integer: bound => bound - 1,
  bytes: length => new Uint8Array(length),
}

const electionTicksMax = 19
const stabilizeRoundsMax = 200
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function replay(script: string, limits: Partial<RaftConfig> = {}): string {
  const interpreter = new Interpreter(limits)
  const lines: string[] = []
  for (const raw of script.split('\n')) {
    const line = raw.trim()
    if (!line.startsWith('>')) {
      if (line.startsWith('#')) lines.push(line)
      continue
    }
    lines.push(line, ...interpreter.run(line.slice(1).trim()).map(text => `  ${text}`))
  }
  return lines.join('\n')
}

/** Strips the indentation that a template string brings along. */
export function normalize(script: string): string {
  const lines = script.split('\n').map(line => line.trim())
  return lines
    .filter(line => line !== '')
    .map(line => (line.startsWith('>') || line.startsWith('#') ? line : `  ${line}`))
    .join('\n')
}

class Interpreter {
  private readonly nodes = new Map<NodeId, TestNode>()
  private readonly cut = new Set<string>()
  private readonly held = new Set<NodeId>()
  private readonly down = new Set<NodeId>()
  private readonly limits: Partial<RaftConfig>
  private wire: Post[] = []
  private trace: string[] = []
  private sequence = 1

  constructor(limits: Partial<RaftConfig>) {
    this.limits = limits
  }

  run(command: string): string[] {
    this.trace = []
    const [verb, ...words] = command.split(/\s+/)
    this.execute(verb ?? '', words)
    return this.trace
  }

  private execute(verb: string, words: readonly string[]): void {
    if (verb === 'nodes') return this.create(words)
    if (verb === 'deliver') return this.deliver()
    if (verb === 'stabilize') return this.stabilize()
    if (verb === 'drop') return this.drop(words[0] ?? '')
    if (verb === 'partition') return this.partition(words)
    if (verb === 'heal') return this.cut.clear()
    if (verb === 'status') return this.status()
    if (verb === 'logs') return this.logs()
    if (verb === 'forget') {
      this.wire = []
      return
    }
    const node = this.node(words[0])
    if (verb === 'elect') {
      this.executeAt(node, 'campaign', [])
      this.drain(node)
      this.stabilize()
      this.trace = []
      return
    }
    this.executeAt(node, verb, words.slice(1))
    this.drain(node)
  }

  private executeAt(node: TestNode, verb: string, words: readonly string[]): void {
    const number = Number(words[0] ?? 1)
    switch (verb) {
      case 'campaign':
        for (let ticks = 0; ticks < electionTicksMax; ticks++) node.raft.tick()
        return
      case 'tick':
        for (let ticks = 0; ticks < number; ticks++) {
          node.raft.tick()
          this.drain(node)
        }
        return
      case 'propose':
        node.raft.propose(
          words.map(() => this.sequence++),
          words.map(word => encoder.encode(word)),
        )
        return
      case 'read':
        for (const context of words) node.raft.readIndex(Number(context))
        return
      case 'transfer':
        node.raft.transferLeadership(nodeId(number))
        return
      case 'compact':
        node.flushMachine()
        node.compact(node.machine.length - number)
        return
      case 'hold':
        this.held.add(node.id)
        return
      case 'write':
        this.finishWrite(node)
        return
      case 'flow':
        this.held.delete(node.id)
        return
      case 'crash':
        node.crash(0, 0, true)
        this.down.add(node.id)
        return
      case 'restart':
        node.restart()
        this.down.delete(node.id)
        return
      default:
        throw new Error(`unknown command: ${verb}`)
    }
  }

  private create(words: readonly string[]): void {
    const split = words.indexOf('learners')
    const voters = (split < 0 ? words : words.slice(0, split)).map(w => nodeId(Number(w)))
    const learners = split < 0 ? [] : words.slice(split + 1).map(w => nodeId(Number(w)))
    const confState = { voters, votersOutgoing: [], learners, learnersNext: [] }
    for (const id of [...voters, ...learners]) {
      this.nodes.set(id, new TestNode(id, steady, emptyDisk(confState), this.limits))
    }
  }

  private node(word: string | undefined): TestNode {
    const node = this.nodes.get(nodeId(Number(word)))
    if (node === undefined) throw new Error(`no such node: ${word}`)
    return node
  }

  private drop(link: string): void {
    this.cut.add(link.replace('->', '>'))
  }

  private partition(words: readonly string[]): void {
    const groups = words
      .join(' ')
      .split('|')
      .map(group => group.trim().split(' '))
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue
        for (const from of group) for (const to of other) this.cut.add(`${from}>${to}`)
      }
    }
  }

  private deliver(): void {
    const wire = this.wire
    this.wire = []
    for (const post of wire) {
      const { message } = post
      const lost = this.cut.has(`${message.from}>${message.to}`) || this.down.has(message.to)
      this.trace.push(describe(message) + (lost ? ' (lost)' : ''))
      if (!lost) this.node(String(message.to)).receive(post)
      if (message.kind === 'snapshotRequest') {
        this.node(String(message.from)).raft.snapshotDone(message.to, !lost)
      }
    }
    for (const node of this.nodes.values()) this.drain(node)
  }

  private stabilize(): void {
    for (let round = 0; round < stabilizeRoundsMax; round++) {
      if (this.wire.length === 0) return
      this.deliver()
    }
    throw new Error('the cluster does not come to rest')
  }

  /** Everything a node can do by itself. */
  private drain(node: TestNode): void {
    if (this.down.has(node.id)) return
    for (;;) {
      if (node.raft.hasReady()) this.tell(node, node.take())
      else if (node.tasks.length > 0 && !this.held.has(node.id)) this.finishWrite(node)
      else if (node.committed.length > 0) {
        const applied = node.apply(1000).filter(entry => entry.kind === 'normal')
        if (applied.length > 0) this.trace.push(`${node.id} applies ${applied.map(text).join(' ')}`)
      } else return
    }
  }

  private tell(node: TestNode, ready: Ready): void {
    this.wire.push(...node.post(ready.messages))
    if (ready.softState !== null) {
      const { role, leader, term } = ready.softState
      const following = role === 'follower' && leader !== 0 ? ` of ${leader}` : ''
      this.trace.push(`${node.id} is ${role}${following} in term ${term}`)
    }
    for (const read of ready.readStates) {
      const outcome = read.index === 0 ? 'refused' : `served at ${read.index}`
      this.trace.push(`${node.id} read ${read.context} ${outcome}`)
    }
    for (const { sequences, reason } of ready.refusedProposals) {
      this.trace.push(`${node.id} refused proposal ${sequences.join(' ')}: ${reason}`)
    }
  }

  private finishWrite(node: TestNode): void {
    const written = node.tasks[0]?.task
    if (written === undefined) throw new Error(`${node.id} has nothing to write`)
    this.wire.push(...node.post(node.finishWrite()))
    const { entries, hardState, snapshot } = written
    const parts: string[] = []
    if (snapshot !== null) parts.push(`snapshot ${snapshot.index}/${snapshot.term}`)
    if (hardState !== null) parts.push(hard(hardState))
    if (entries.length > 0)
      parts.push(entries.map(entry => `${entry.index}/${entry.term}`).join(' '))
    if (parts.length > 0) this.trace.push(`${node.id} wrote ${parts.join(', ')}`)
  }

  private status(): void {
    for (const node of this.nodes.values()) {
      const { role, term, commit, applied, lastIndex } = node.raft.status()
      this.trace.push(
        `${node.id} ${role} term ${term} commit ${commit} applied ${applied} last ${lastIndex}`,
      )
    }
  }

  private logs(): void {
    for (const node of this.nodes.values()) {
      const { firstIndex, lastIndex } = node.raft.status()
      const terms: string[] = []
      for (let index: number = firstIndex; index <= lastIndex; index++) {
        terms.push(`${index}/${node.raft.termAt(index as LogIndex)}`)
      }
      this.trace.push(`${node.id}: ${terms.join(' ')}`)
    }
  }
}

function hard({ term, vote, commit }: HardState): string {
  return `term ${term} vote ${vote} commit ${commit}`
}

function text(entry: Entry): string {
  return `${entry.index}:${decoder.decode(entry.data)}`
}

function content(entries: readonly Entry[]): string {
  if (entries.length === 0) return 'nothing'
  return entries
    .map(e => `${e.index}/${e.term}:${e.kind === 'normal' ? decoder.decode(e.data) : e.kind}`)
    .join(' ')
}

/** One line a message: who, what, and the fields that matter. */
export function describe(message: Message): string {
  const head = `${message.from}->${message.to} t${message.term}`
  switch (message.kind) {
    case 'voteRequest': {
      const kind = message.preVote ? 'preVote?' : 'vote?'
      const force = message.force ? ' forced' : ''
      return `${head} ${kind}${force} last ${message.lastIndex}/${message.lastTerm}`
    }
    case 'voteResponse':
      return `${head} ${message.preVote ? 'preVote' : 'vote'} ${message.granted ? 'yes' : 'no'}`
    case 'appendRequest': {
      const { prevIndex, prevTerm, entries, commit } = message
      return `${head} append after ${prevIndex}/${prevTerm}: ${content(entries)}, commit ${commit}`
    }
    case 'appendResponse':
      return message.rejected
        ? `${head} reject ${message.index}, try ${message.hintIndex}/${message.hintTerm}`
        : `${head} ack ${message.index}`
    case 'heartbeatRequest':
      return `${head} heartbeat, commit ${logIndex(message.commit)}, round ${message.readRound}`
    case 'heartbeatResponse':
      return `${head} heard, round ${message.readRound}`
    case 'snapshotRequest':
      return `${head} snapshot ${message.snapshot.index}/${message.snapshot.term}`
    case 'readIndexRequest':
      return `${head} read ${message.context}?`
    case 'readIndexResponse':
      return `${head} read ${message.context} at ${message.index}`
    case 'proposalForward':
      return `${head} propose ${message.proposals.payloads.map(p => decoder.decode(p)).join(' ')}`
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
