// What must hold between the nodes of a cluster, as plain sentences checked while a simulation
// runs. Figure 3 of the paper, plus what an implementation promises beyond it: votes and
// acknowledgements rest on the disk, and reads are never stale.

import { jointVotes } from '../quorum.js'
import type { Entry, Message, NodeId, Ready, Term } from '../types.js'
import type { TestNode } from './test-node.js'

export class SafetyError extends Error {}

function must(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new SafetyError(sentence)
}

interface SeenEntry {
  readonly entry: Entry
  readonly termBefore: Term
}

export class Safety {
  private readonly leaders = new Map<Term, NodeId>()
  private readonly votes = new Map<string, NodeId>()
  private readonly seen = new Map<string, SeenEntry>()
  /** Index - 1 to the term of the entry that was committed there first. */
  private readonly committed: Term[] = []
  private readonly last = new Map<NodeId, { term: number; commit: number; applied: number }>()
  /** Most bare facts, for a run to show that it did something. */
  readonly coverage = new Map<string, number>()

  get committedIndex(): number {
    return this.committed.length
  }

  count(fact: string): void {
    this.coverage.set(fact, (this.coverage.get(fact) ?? 0) + 1)
  }

  /** After every step of `node`. */
  afterStep(node: TestNode, all: readonly TestNode[]): void {
    const status = node.raft.status()
    const before = this.last.get(node.id)
    if (before !== undefined) {
      must(status.term >= before.term, 'the term of a node never decreases')
      must(status.commit >= before.commit, 'the commit index of a node never decreases')
      must(status.applied >= before.applied, 'the applied index of a node never decreases')
    }
    must(status.applied <= status.commit, 'applied <= commit')
    must(status.commit <= status.lastIndex, 'commit <= last')
    const { term, commit, applied } = status
    this.last.set(node.id, { term, commit, applied })
    if (status.role === 'leader') this.leads(node, term)
    this.commits(node, before?.commit ?? 0, commit, all)
  }

  /** A crash may take commit and applied back, never the term that others rely on. */
  restarted(node: TestNode): void {
    this.last.delete(node.id)
  }

  /** Election safety, and leader completeness at the moment of election. */
  private leads(node: TestNode, term: Term): void {
    const known = this.leaders.get(term)
    must(known === undefined || known === node.id, 'at most one leader is elected in a term')
    if (known !== undefined) return
    this.leaders.set(term, node.id)
    this.count('elected')
    const { firstIndex } = node.raft.status()
    for (let index = firstIndex; index <= this.committed.length; index++) {
      must(
        node.raft.termAt(index) === this.committed[index - 1],
        `a leader has every committed entry: ${node.id} lacks ${index}`,
      )
    }
  }

  /** What is committed is on the disks of a quorum, and never changes. */
  private commits(node: TestNode, from: number, commit: number, all: readonly TestNode[]): void {
    const { firstIndex } = node.raft.status()
    for (let index = Math.max(firstIndex, from + 1); index <= commit; index++) {
      const term = node.raft.termAt(index as Entry['index']) as Term
      const known = this.committed[index - 1]
      must(known === undefined || known === term, `the committed entry ${index} never changes`)
      if (known !== undefined) continue
      must(index === this.committed.length + 1, 'entries are committed without gaps')
      this.committed.push(term)
      const disks = new Map(all.map(other => [other.id, hasOnDisk(other, index, term)]))
      must(
        jointVotes(node.raft.confState, disks) === 'won',
        `the committed entry ${index} is on a quorum of disks`,
      )
    }
  }

  /** Log matching by induction: index and term determine the entry and the term before it. */
  handedOut(node: TestNode, ready: Ready): void {
    for (const entry of ready.append?.entries ?? []) {
      const key = `${entry.index}/${entry.term}`
      const termBefore = node.raft.termAt((entry.index - 1) as Entry['index'])
      const known = this.seen.get(key)
      if (known === undefined) {
        if (termBefore !== null) this.seen.set(key, { entry, termBefore })
        continue
      }
      must(
        known.entry.sequence === entry.sequence && known.entry.origin === entry.origin,
        `index and term determine the entry: ${key}`,
      )
      must(termBefore === null || known.termBefore === termBefore, `logs match before ${key}`)
    }
    for (const entry of ready.committed) {
      must(entry.term === this.committed[entry.index - 1], 'only what is committed is applied')
      const { machine, disk } = node
      must(
        entry.index <= machine.length || hasOnDisk(node, entry.index, entry.term),
        `what is applied is durable here: ${disk.entries.length}`,
      )
    }
  }

  /** Equal entries at equal indexes of all state machines. */
  applied(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const known = this.seen.get(`${entry.index}/${entry.term}`)
      must(entry.term === this.committed[entry.index - 1], 'state machines apply the same entries')
      must(known === undefined || known.entry.sequence === entry.sequence, 'with the same content')
    }
  }

  /** At most one vote per node and term, and only once it is on disk. */
  sent(node: TestNode, message: Message): void {
    this.count(message.kind)
    if (message.kind === 'voteResponse' && message.granted && !message.preVote) {
      this.voted(node.id, message.term, message.to)
      must(hasVoted(node, message.term, message.to), 'a vote is durable before it leaves')
    }
    if (message.kind === 'voteRequest' && !message.preVote) {
      this.voted(node.id, message.term, node.id)
      must(
        hasVoted(node, message.term, node.id),
        "a candidate's own vote is durable before it asks",
      )
    }
    if (message.kind === 'appendResponse' && !message.rejected) {
      const { snapshot, entries } = node.disk
      must(
        message.index <= snapshot.index + entries.length,
        `what is acknowledged is durable: ${node.id} acknowledged ${message.index}`,
      )
    }
  }

  private voted(voter: NodeId, term: Term, candidate: NodeId): void {
    const key = `${voter}/${term}`
    const known = this.votes.get(key)
    must(known === undefined || known === candidate, `at most one vote a term: ${key}`)
    this.votes.set(key, candidate)
  }
}

function hasVoted(node: TestNode, term: Term, candidate: NodeId): boolean {
  const { hardState } = node.disk
  return hardState.term > term || (hardState.term === term && hardState.vote === candidate)
}

function hasOnDisk(node: TestNode, index: number, term: Term): boolean {
  const { snapshot, entries } = node.disk
  if (index <= snapshot.index) return true
  // What it had confirmed and lost still counts: it elects nobody who lacks it.
  return entries[index - snapshot.index - 1]?.term === term || node.vouched.get(index) === term
}
