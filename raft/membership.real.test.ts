// Members that come and go while a cluster works, over real sockets and files.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodeId } from './core/types.js'
import { changed, propose, RealCluster, until } from './testing/real-cluster.js'

let directory: string
let cluster: RealCluster

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/raft-`)
  cluster = await RealCluster.plan(directory, 3)
})

afterEach(async () => {
  await cluster.killAll()
  for (const { fatal } of cluster.members) expect(fatal).toEqual([])
  rmSync(directory, { recursive: true })
})

const other = (id: number): number => (id % 3) + 1

/** Proposes on the leader, whoever that is, until stopped; tells what was answered, in order. */
function load(): { stop(): Promise<readonly string[]> } {
  const answered: string[] = []
  const state = { running: true }
  const work = async () => {
    for (let at = 0; state.running; at += 1) {
      try {
        await propose(cluster.node(await cluster.leader()), `x${at}`)
        answered.push(`x${at}`)
      } catch (error) {
        const { outcome } = error as { outcome?: string }
        if (outcome !== 'not-applied' && outcome !== 'unknown') throw error
      }
    }
  }
  const done = work()
  return {
    stop: async () => {
      state.running = false
      await done
      return answered
    },
  }
}

describe('a cluster under load', () => {
  test('takes in a learner, makes it a voter when it keeps up, and elects it', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    const work = load()
    await until('there is something to catch up with', () => {
      return cluster.member(leader).machine.items.length > 300
    })
    await cluster.grow(directory)
    await cluster.start(4)
    const added = await changed(done =>
      cluster.node(leader).addLearner(cluster.address(4), { promote: true }, done),
    )
    expect(added).toMatchObject({ learners: [4], addresses: [{ node: 4, name: 'n4' }] })
    await until('it votes', () => cluster.node(4).status().confState.voters.includes(nodeId(4)))
    await new Promise(done => cluster.node(leader).transferLeadership(nodeId(4), done))
    await until('it leads', () => cluster.node(4).status().role === 'leader')
    await cluster.agree(await work.stop())
  })

  test('replaces a member in one call, also the leader itself', async () => {
    await cluster.startAll()
    const work = load()
    for (const [add, pick] of [
      [4, (leader: number) => other(leader)],
      [5, (leader: number) => leader],
    ] as const) {
      const leader = await cluster.leader()
      const remove = nodeId(pick(leader))
      await cluster.grow(directory)
      await cluster.start(add)
      const confState = await changed(done =>
        cluster.node(leader).replaceMember({ remove, add: cluster.address(add) }, done),
      )
      expect(confState.voters).toContain(add)
      expect(confState.voters).not.toContain(remove)
      await until('it knows', () => cluster.node(remove).status().removed)
      await cluster.kill(remove)
    }
    await cluster.agree(await work.stop())
    expect(cluster.running()).toHaveLength(3)
  })

  test('goes on after each of its members was replaced, and one by one was started anew', async () => {
    await cluster.startAll()
    const work = load()
    for (const [remove, add] of [
      [1, 4],
      [2, 5],
      [3, 6],
    ] as const) {
      await cluster.grow(directory)
      await cluster.start(add)
      await changed(done => {
        void cluster.leader().then(leader => {
          cluster
            .node(leader)
            .replaceMember({ remove: nodeId(remove), add: cluster.address(add) }, done)
        })
      })
      await cluster.kill(remove)
    }
    for (const id of [4, 5, 6]) {
      await cluster.kill(id)
      await cluster.start(id)
      await cluster.leader()
    }
    await cluster.agree(await work.stop())
  })
})

describe('a removed member', () => {
  test('is told so, disturbs nobody, and the others lead on in the same term', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    const gone = other(leader)
    await changed(done =>
      cluster.node(leader).changeMembership([{ kind: 'remove', node: nodeId(gone) }], done),
    )
    const { term } = cluster.node(leader).status()
    await until('it knows', () => cluster.node(gone).status().removed)
    await cluster.kill(gone)
    await cluster.start(gone)
    await until('it is told again', () => cluster.node(gone).status().removed)
    expect(cluster.node(leader).status()).toMatchObject({ role: 'leader', term })
    await expect(propose(cluster.node(gone), 'x')).rejects.toMatchObject({ outcome: 'not-applied' })
    expect(await propose(cluster.node(leader), 'a')).toBe(1)
  })
})

describe('a change of membership is refused', () => {
  test('by a follower, which names the leader', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    const change = changed(done =>
      cluster.node(other(leader)).changeMembership([{ kind: 'remove', node: nodeId(1) }], done),
    )
    await expect(change).rejects.toMatchObject({ code: 'not-leader', outcome: 'not-applied' })
    await expect(change).rejects.toThrow(`node ${leader} ("n${leader}") leads`)
  })

  test('while another one waits for its member, which is given up in time and can be gone on with', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    const node = cluster.node(leader)
    await cluster.grow(directory)
    const remove = nodeId(other(leader))
    const replacement = { remove, add: cluster.address(4), catchUpMsMax: 500 }
    const first = changed(done => node.replaceMember(replacement, done))
    await expect(
      changed(done => node.promote(nodeId(2), { waits: true }, done)),
    ).rejects.toMatchObject({
      code: 'change-pending',
      outcome: 'not-applied',
    })
    await expect(first).rejects.toMatchObject({ code: 'catch-up-timeout', outcome: 'unknown' })
    await expect(first).rejects.toThrow('node 4 catching up with the log has not come to pass')
    expect(node.status().confState.learners).toEqual([4])
    await cluster.start(4)
    const confState = await changed(done =>
      node.replaceMember({ remove, add: cluster.address(4) }, done),
    )
    expect(confState.voters).toContain(4)
  })

  test('with the leadership, and goes on where the next leader takes it up', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    await cluster.grow(directory)
    const remove = nodeId(leader)
    const add = cluster.address(4)
    const first = changed(done => cluster.node(leader).replaceMember({ remove, add }, done))
    await until('it is a learner', () =>
      cluster.node(leader).status().confState.learners.includes(nodeId(4)),
    )
    const next = nodeId(other(leader))
    await Promise.all([
      expect(first).rejects.toMatchObject({ code: 'leader-lost', outcome: 'unknown' }),
      new Promise(done => cluster.node(leader).transferLeadership(next, done)),
    ])
    await cluster.start(4)
    await until('the next one leads', () => cluster.node(next).status().role === 'leader')
    const confState = await changed(done => cluster.node(next).replaceMember({ remove, add }, done))
    expect(confState.voters).toContain(4)
    expect(confState.voters).not.toContain(leader)
  })
})
