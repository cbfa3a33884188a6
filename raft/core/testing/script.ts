// Golden scripts: commands that a person can read and write, and the trace they leave. Counterpart:
// the interaction tests of etcd-io/raft. The language is explained in docs/raft-scripts.md; the
// scripts are in raft/core/golden/. `replay` gives back the text of a script with what did happen
// beneath each command, so that a script whose trace is right is its own replay.

import type { Random } from '../../../platform/random.js'
import type { ConfChangeOperation } from '../conf-change.js'
import type { RaftConfig } from '../config.js'
import {
  type ConfState,
  type LogIndex,
  logIndex,
  type NodeId,
  nodeId,
  type Term,
  term,
} from '../types.js'
import { emptyDisk, type Post, TestNode } from './test-node.js'
import { applied, describe, membership, peer, told, written } from './trace.js'

/** Every election timeout is the longest, 19 ticks: scripts say who campaigns. */
const steady: Random = {
  next: () => 0,
  integer: bound => bound - 1,
  bytes: length => new Uint8Array(length),
}

const electionTicksMax = 19
const stabilizeRoundsMax = 200
const applyMax = 1000
const encoder = new TextEncoder()

/** Throws an error that names line and command where a script makes no sense. */
export function replay(script: string): string {
  const interpreter = new Interpreter()
  const lines: string[] = []
  for (const [at, line] of script.split('\n').entries()) {
    if (!line.startsWith('>')) {
      if (line.trim() === '' || line.startsWith('#')) lines.push(line.trimEnd())
      continue
    }
    try {
      lines.push(line.trimEnd(), ...interpreter.run(line.slice(1)).map(text => `  ${text}`))
    } catch (cause) {
      const sentence = cause instanceof Error ? cause.message : 'unknown'
      throw new Error(`line ${at + 1}: ${line}: ${sentence}`, { cause })
    }
  }
  return lines.join('\n')
}

interface Link {
  readonly from: NodeId
  readonly to: NodeId
}

type Limits = { -readonly [K in keyof RaftConfig]?: RaftConfig[K] }

class Interpreter {
  private readonly nodes = new Map<NodeId, TestNode>()
  private readonly cut = new Set<string>()
  private readonly slowDisks = new Set<NodeId>()
  private readonly slowMachines = new Set<NodeId>()
  private readonly down = new Set<NodeId>()
  private readonly limits: Limits = {}
  private wire: Post[] = []
  private trace: string[] = []
  private sequence = 1

  run(command: string): string[] {
    this.trace = []
    const [verb = '', ...words] = command.trim().split(/\s+/)
    const ofAll = this.ofAll[verb]
    if (ofAll !== undefined) ofAll(words)
    else {
      const ofOne = this.ofOne[verb]
      if (ofOne === undefined) {
        const all = [...Object.keys(this.ofAll), ...Object.keys(this.ofOne)]
        throw new Error(`there is no such command; there are: ${all.join(' ')}`)
      }
      const node = this.node(words[0])
      ofOne(node, words.slice(1))
      this.drain(node)
    }
    return this.trace
  }

  // ---- commands about the cluster, the network, and what is to be seen ----

  private readonly ofAll: Readonly<Record<string, (words: readonly string[]) => void>> = {
    limits: words => {
      for (const word of words) {
        const [name = '', value] = word.split('=')
        Object.assign(this.limits, { [name]: natural(value) })
      }
    },
    nodes: words => this.create(words),
    join: words => {
      const nobody = { voters: [], votersOutgoing: [], learners: [], learnersNext: [] }
      for (const word of words) this.add(nodeId(natural(word)), nobody)
    },
    elect: ([id]) => {
      this.campaign(this.node(id))
      this.stabilize()
      this.trace = []
    },
    lead: ([id]) => {
      const node = this.node(id)
      this.campaign(node)
      for (let round = 0; node.raft.status().role !== 'leader'; round++) {
        if (round === stabilizeRoundsMax) throw new Error('it is not elected')
        this.deliver()
      }
      this.trace = []
    },
    deliver: ([link, count]) => {
      this.deliver(link === undefined ? null : linkOf(link), natural(count ?? '9999'))
    },
    stabilize: () => this.stabilize(),
    drop: ([link]) => {
      this.wire = link === undefined ? [] : this.wire.filter(post => !isOn(post, linkOf(link)))
    },
    repeat: ([link]) => {
      this.wire.push(...this.wire.filter(post => isOn(post, linkOf(link))))
    },
    reverse: ([link]) => {
      const on = this.wire.filter(post => isOn(post, linkOf(link)))
      this.wire = [...this.wire.filter(post => !on.includes(post)), ...on.reverse()]
    },
    cut: ([link]) => {
      const { from, to } = linkOf(link)
      this.cut.add(`${from}>${to}`)
    },
    partition: words => this.partition(words),
    heal: () => this.cut.clear(),
    wire: () => {
      for (const { message } of this.wire) this.trace.push(describe(message))
    },
    status: words => {
      for (const node of this.chosen(words)) {
        const { role, term, commit, applied, lastIndex } = node.raft.status()
        this.trace.push(
          `${node.id} ${role} term ${term} commit ${commit} applied ${applied} last ${lastIndex}`,
        )
      }
    },
    logs: words => {
      for (const node of this.chosen(words)) {
        const { firstIndex, lastIndex } = node.raft.status()
        const terms: string[] = []
        for (let index: number = firstIndex; index <= lastIndex; index++) {
          terms.push(`${index}/${node.raft.termAt(index as LogIndex)}`)
        }
        this.trace.push(`${node.id}: ${terms.join(' ')}`)
      }
    },
    members: words => {
      for (const node of this.chosen(words)) {
        this.trace.push(`${node.id} has ${membership(node.raft.confState)}`)
      }
    },
    progress: words => {
      for (const node of this.chosen(words)) {
        for (const progress of node.raft.status().progress) {
          this.trace.push(`${node.id} sees ${peer(progress)}`)
        }
      }
    },
  }

  // ---- commands to one node ----

  private readonly ofOne: Readonly<
    Record<string, (node: TestNode, words: readonly string[]) => void>
  > = {
    log: (node, words) => this.setLog(node, words.map(natural).map(term)),
    campaign: node => this.campaign(node),
    tick: (node, [count]) => {
      for (let ticks = natural(count ?? '1'); ticks > 0; ticks--) {
        node.raft.tick()
        this.drain(node)
      }
    },
    propose: (node, words) => {
      node.raft.propose(
        words.map(() => this.sequence++),
        words.map(payloadOf),
      )
    },
    change: (node, words) => node.raft.proposeConfChange(this.sequence++, words.map(operationOf)),
    read: (node, contexts) => {
      for (const context of contexts) node.raft.readIndex(natural(context))
    },
    transfer: (node, [to]) => node.raft.transferLeadership(nodeId(natural(to))),
    gone: (node, [peer]) => {
      node.raft.peerGone(nodeId(natural(peer)))
    },
    early: node => {
      node.raft.campaignEarly()
    },
    unreachable: (node, [to]) => node.raft.unreachable(nodeId(natural(to))),
    compact: (node, [index]) => {
      node.flushMachine()
      node.compact(node.machine.length - natural(index))
    },
    disk: (node, [pace]) => this.setPace(this.slowDisks, node, pace),
    persist: (node, [count]) => {
      for (let writes = natural(count ?? '1'); writes > 0; writes--) this.persist(node)
    },
    machine: (node, [pace]) => this.setPace(this.slowMachines, node, pace),
    apply: (node, [count]) => this.apply(node, natural(count ?? '1')),
    crash: (node, [torn, entries]) => {
      if (torn === undefined) node.tasks = []
      else if (torn !== 'torn') throw new Error('a crash is plain or torn')
      node.crash(0, torn === undefined ? 0 : natural(entries), true)
      this.down.add(node.id)
    },
    restart: node => {
      node.restart()
      this.down.delete(node.id)
    },
  }

  // ---- what they do ----

  private create(words: readonly string[]): void {
    const split = words.indexOf('learners')
    const voters = split < 0 ? words : words.slice(0, split)
    const learners = split < 0 ? [] : words.slice(split + 1)
    const ids = (from: readonly string[]): NodeId[] => from.map(word => nodeId(natural(word)))
    const first = {
      voters: ids(voters),
      votersOutgoing: [],
      learners: ids(learners),
      learnersNext: [],
    }
    for (const id of [...first.voters, ...first.learners]) this.add(id, first)
  }

  private add(id: NodeId, confState: ConfState): void {
    this.nodes.set(id, new TestNode(id, steady, emptyDisk(confState), this.limits))
  }

  private setLog(node: TestNode, terms: readonly Term[]): void {
    const { disk } = node
    disk.entries = terms.map((entryTerm, at) => ({
      term: entryTerm,
      index: logIndex(at + 1),
      kind: 'normal',
      origin: node.id,
      sequence: at + 1,
      data: encoder.encode(`${at + 1}.${entryTerm}`),
    }))
    disk.hardState = { ...disk.hardState, term: terms.at(-1) ?? term(0) }
    disk.syncedHardState = disk.hardState
    node.restart()
  }

  private setPace(slow: Set<NodeId>, node: TestNode, pace: string | undefined): void {
    if (pace === 'slow') slow.add(node.id)
    else if (pace === 'normal') slow.delete(node.id)
    else throw new Error('the pace is slow or normal')
  }

  private campaign(node: TestNode): void {
    for (let ticks = 0; ticks < electionTicksMax; ticks++) node.raft.tick()
    this.drain(node)
  }

  private node(word: string | undefined): TestNode {
    const node = this.nodes.get(nodeId(natural(word)))
    if (node === undefined) throw new Error(`there is no node ${word}`)
    return node
  }

  private chosen(words: readonly string[]): TestNode[] {
    return words.length > 0 ? words.map(word => this.node(word)) : Array.from(this.nodes.values())
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

  /** At most `count` messages, of one link or of all. Their answers stay on the wire. */
  private deliver(link: Link | null = null, count = 9999): void {
    const due = this.wire.filter(post => link === null || isOn(post, link)).slice(0, count)
    const rest = this.wire.slice()
    for (const post of due) rest.splice(rest.indexOf(post), 1)
    this.wire = rest
    for (const post of due) {
      const { message } = post
      const lost = this.cut.has(`${message.from}>${message.to}`) || this.down.has(message.to)
      this.trace.push(describe(message) + (lost ? ' (lost)' : ''))
      if (!lost) this.nodes.get(message.to)?.receive(post)
      const sender = this.nodes.get(message.from)
      if (message.kind === 'snapshotRequest') sender?.raft.snapshotDone(message.to, !lost)
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

  /** Everything a node does by itself. */
  private drain(node: TestNode): void {
    if (this.down.has(node.id)) return
    for (;;) {
      if (node.raft.hasReady()) {
        const ready = node.take()
        this.wire.push(...node.post(ready.messages))
        this.trace.push(...told(node.id, ready))
      } else if (node.tasks.length > 0 && !this.slowDisks.has(node.id)) this.persist(node)
      else if (node.fetches.length > 0 && !this.slowDisks.has(node.id)) this.fetch(node)
      else if (node.committed.length > 0 && !this.slowMachines.has(node.id)) {
        this.apply(node, applyMax)
      } else return
    }
  }

  private persist(node: TestNode): void {
    const task = node.tasks[0]?.task
    if (task === undefined) throw new Error(`${node.id} has nothing to write`)
    const before = node.raft.confState
    this.wire.push(...node.post(node.finishWrite()))
    const line = written(task)
    if (line !== '') this.trace.push(`${node.id} wrote ${line}`)
    this.showMembers(node, before)
  }

  private fetch(node: TestNode): void {
    const fetch = node.fetches[0]
    if (fetch === undefined) return
    this.trace.push(`${node.id} reads from ${fetch.from} on from its disk, for ${fetch.to}`)
    node.answerFetch()
  }

  private apply(node: TestNode, count: number): void {
    if (node.committed.length === 0) throw new Error(`${node.id} has nothing to apply`)
    const before = node.raft.confState
    const entries = node.apply(count).filter(entry => entry.kind === 'normal')
    if (entries.length > 0) this.trace.push(`${node.id} applies ${applied(entries)}`)
    this.showMembers(node, before)
  }

  private showMembers(node: TestNode, before: ConfState): void {
    const { confState } = node.raft
    if (confState !== before) this.trace.push(`${node.id} has ${membership(confState)}`)
  }
}

function natural(word: string | undefined): number {
  if (word === undefined || !/^\d+$/.test(word)) throw new Error(`${word} is not a number`)
  return Number(word)
}

function linkOf(word: string | undefined): Link {
  const [from, to] = (word ?? '').split('->')
  return { from: nodeId(natural(from)), to: nodeId(natural(to)) }
}

function isOn({ message }: Post, { from, to }: Link): boolean {
  return message.from === from && message.to === to
}

/** `+4` a voter, `~4` a learner, `-4` out. */
function operationOf(word: string): ConfChangeOperation {
  const kind = ({ '+': 'addVoter', '~': 'addLearner', '-': 'remove' } as const)[word[0] ?? '']
  if (kind === undefined) throw new Error('a change is +4, ~4 or -4')
  return { kind, node: nodeId(natural(word.slice(1))) }
}

/** `x*300` stands for 300 times x. */
function payloadOf(word: string): Uint8Array {
  const [letter = '', count] = word.split('*')
  return encoder.encode(count === undefined ? word : letter.repeat(natural(count)))
}
