// What is done next about the membership, as a table, and replacements pursued to their end from any
// state in which a leader may have left them.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { unreachable } from '../platform/errors.js'
import type { ConfChange } from './core/conf-change.js'
import { applyConfChange } from './core/conf-change.js'
import type { ConfState, MemberAddress } from './core/types.js'
import { nodeId } from './core/types.js'
import type { Goal, Situation, Step } from './membership-plan.js'
import { nextStep } from './membership-plan.js'

const n1 = nodeId(1)
const n2 = nodeId(2)
const n3 = nodeId(3)
const n4 = nodeId(4)
const n5 = nodeId(5)

function conf(voters: readonly number[], learners: readonly number[] = []): ConfState {
  return {
    voters: voters.map(nodeId),
    votersOutgoing: [],
    learners: learners.map(nodeId),
    learnersNext: [],
  }
}

const member = { name: 'n4', address: 'host4:1' }
const four: MemberAddress = { node: n4, ...member }

interface Parts {
  readonly dead?: readonly number[]
  readonly slow?: readonly number[]
  readonly known?: readonly number[]
}

function situation(confState: ConfState, { dead = [], slow = [], known = [] }: Parts): Situation {
  return {
    confState,
    isAlive: id => !dead.includes(id),
    keepsUp: id => !slow.includes(id),
    hasAddress: id => known.includes(id),
  }
}

const change = (...operations: ConfChange): Goal => ({ kind: 'change', change: operations })
const replace = (remove: number, waits = true): Goal => {
  return { kind: 'replace', remove: nodeId(remove), add: four, waits }
}
const promote: Goal = { kind: 'promote', node: n4, waits: true }
const promoteNow: Goal = { kind: 'promote', node: n4, waits: false }
const update: Goal = { kind: 'update', member: { ...four, address: 'elsewhere:1' } }
const withFour = (confState: ConfState): ConfState => ({ ...confState, addresses: [four] })
const remove = (node: number) => ({ kind: 'remove', node: nodeId(node) }) as const
const addVoter = (node: number) => ({ kind: 'addVoter', node: nodeId(node) }) as const
const addLearner = { kind: 'addLearner', node: n4, member } as const

/** A word for the step: proposed operations, "done", what it waits for, or why it is refused. */
function told(step: Step): string {
  switch (step.kind) {
    case 'propose':
      return step.change.map(({ kind, node }) => `${kind} ${node}`).join(', ')
    case 'wait':
      return `wait: ${step.what}`
    case 'done':
      return 'done'
    case 'refuse':
      return `${step.code}: ${step.why}`
    default:
      return unreachable(step)
  }
}

describe('the next step', () => {
  const joint = { ...conf([1, 2, 4]), votersOutgoing: [n1, n2, n3] }
  test.each<[string, Goal, ConfState, Parts, string]>([
    ['adds a learner where it is told', change(addLearner), conf([1, 2, 3]), {}, 'addLearner 4'],
    [
      'adds one that the configuration knows',
      change(addVoter(4)),
      conf([1, 2, 3]),
      { known: [4] },
      'addVoter 4',
    ],
    [
      'adds nobody whom none could reach',
      change(addVoter(4)),
      conf([1, 2, 3]),
      {},
      'change-invalid: nobody knows where node 4',
    ],
    [
      'adds no voter that is one',
      change(addVoter(2)),
      conf([1, 2, 3]),
      {},
      'change-invalid: node 2 is a voter already',
    ],
    ['removes a dead one', change(remove(3)), conf([1, 2, 3]), { dead: [3] }, 'remove 3'],
    [
      'removes no living one beside a dead one',
      change(remove(2)),
      conf([1, 2, 3]),
      { dead: [3] },
      'change-unsafe: of the voters 1, 3 that it leads to, 3 does not answer, and 2 have to',
    ],
    [
      'removes a living one of five beside a dead one',
      change(remove(2)),
      conf([1, 2, 3, 4, 5]),
      { dead: [3] },
      'remove 2',
    ],
    [
      'removes no living one of five beside two dead ones',
      change(remove(2)),
      conf([1, 2, 3, 4, 5]),
      { dead: [3, 5] },
      'change-unsafe: of the voters 1, 3, 4, 5 that it leads to, 3, 5 do not answer, and 3 have to',
    ],
    [
      'adds no voter that does not answer to two of three',
      change({ ...addVoter(4), member }),
      conf([1, 2, 3]),
      { dead: [3, 4] },
      'change-unsafe',
    ],
    [
      'adds no silent voter to a cluster of one',
      change({ ...addVoter(4), member }),
      conf([1]),
      { dead: [4] },
      'change-unsafe',
    ],
    [
      'adds a learner whoever is dead',
      change(addLearner),
      conf([1, 2, 3]),
      { dead: [3, 4] },
      'addLearner 4',
    ],
    [
      'removes no stranger',
      change(remove(9)),
      conf([1, 2, 3]),
      {},
      'change-invalid: node 9 is not a member',
    ],
    [
      'keeps the last voter',
      change(remove(1)),
      conf([1]),
      {},
      'change-invalid: a cluster keeps at least one voter',
    ],
    [
      'takes no empty change',
      change(),
      conf([1, 2, 3]),
      {},
      'change-invalid: a change names at least one',
    ],
    [
      'takes nobody twice',
      change(remove(2), addVoter(2)),
      conf([1, 2, 3]),
      {},
      'change-invalid: a change names every member once',
    ],
    [
      'waits for a joint membership to end',
      change(remove(2)),
      joint,
      {},
      'wait: an earlier change coming to its end',
    ],
    ['promotes a learner that keeps up', promote, conf([1, 2, 3], [4]), {}, 'addVoter 4'],
    [
      'waits for a learner that does not keep up',
      promote,
      conf([1, 2, 3], [4]),
      { slow: [4] },
      'wait: node 4 catching up',
    ],
    [
      'waits for a learner that does not answer',
      promote,
      conf([1, 2, 3], [4]),
      { dead: [4] },
      'wait: node 4 catching up',
    ],
    [
      'promotes no stranger',
      promote,
      conf([1, 2, 3]),
      {},
      'change-invalid: node 4 is not a learner',
    ],
    [
      'refuses to promote one that lags where it is not to wait',
      promoteNow,
      conf([1, 2, 3], [4]),
      { slow: [4] },
      'learner-not-ready: node 4 does not keep up',
    ],
    [
      'promotes one that keeps up without waiting',
      promoteNow,
      conf([1, 2, 3], [4]),
      {},
      'addVoter 4',
    ],
    ['moves a voter', update, withFour(conf([1, 2, 3, 4])), { dead: [4] }, 'addVoter 4'],
    ['moves a learner', update, withFour(conf([1, 2, 3], [4])), {}, 'addLearner 4'],
    ['moves a founder', update, conf([1, 2, 3, 4]), {}, 'addVoter 4'],
    [
      'is done where one has moved',
      { kind: 'update', member: four },
      withFour(conf([1, 2, 3, 4])),
      {},
      'done',
    ],
    ['moves no stranger', update, conf([1, 2, 3]), {}, 'change-invalid: node 4 is not a member'],
    ['has nothing to promote in a voter', promote, conf([1, 2, 3, 4]), {}, 'done'],
    ['adds the new one first', replace(3), conf([1, 2, 3]), { slow: [4] }, 'addLearner 4'],
    [
      'waits until the new one keeps up',
      replace(3),
      conf([1, 2, 3], [4]),
      { slow: [4] },
      'wait: node 4 catching up',
    ],
    [
      'does not wait for the new one where it is not to',
      replace(3, false),
      conf([1, 2, 3], [4]),
      { slow: [4] },
      'learner-not-ready: node 4 does not keep up',
    ],
    ['swaps both in one change', replace(3), conf([1, 2, 3], [4]), {}, 'addVoter 4, remove 3'],
    ['swaps a dead one', replace(3), conf([1, 2, 3], [4]), { dead: [3] }, 'addVoter 4, remove 3'],
    [
      'swaps no living one for a quorum that is not there',
      replace(2),
      conf([1, 2, 3], [4]),
      { dead: [1, 3] },
      'change-unsafe',
    ],
    ['removes what is left to be removed', replace(3), conf([1, 2, 3, 4]), {}, 'remove 3'],
    ['promotes where the old one is gone', replace(3), conf([1, 2], [4]), {}, 'addVoter 4'],
    ['is done when both have come to pass', replace(3), conf([1, 2, 4]), {}, 'done'],
    [
      'replaces no stranger',
      replace(9),
      conf([1, 2, 3]),
      {},
      'change-invalid: node 9 is not a member',
    ],
    [
      'replaces nobody by itself',
      replace(4),
      conf([1, 2, 3, 4]),
      {},
      'change-invalid: a node cannot replace itself',
    ],
    ['replaces a learner', replace(5), conf([1, 2, 3], [4, 5]), {}, 'addVoter 4, remove 5'],
  ])('%s', (_what, goal, confState, parts, wanted) => {
    const said = told(nextStep(goal, situation(confState, parts)))
    expect(said.slice(0, wanted.length)).toBe(wanted)
  })
})

test('a replacement comes to its end from wherever it stands, and never through a lost quorum', () => {
  const ids = [n1, n2, n3, n5]
  fc.assert(
    fc.property(
      fc.subarray(ids, { minLength: 1 }),
      fc.subarray([n2, n3]),
      fc.constantFrom('absent', 'learner', 'voter'),
      fc.subarray(ids),
      (voters, learners, new4, dead) => {
        const known = learners.filter(id => !voters.includes(id))
        let confState = conf(
          new4 === 'voter' ? [...voters, 4] : voters,
          new4 === 'learner' ? [...known, 4] : known,
        )
        const goal = replace(voters[0] ?? 1)
        for (let round = 0; round < 4; round += 1) {
          const step = nextStep(goal, situation(confState, { dead }))
          if (step.kind === 'done') {
            expect(confState.voters).toContain(4)
            expect(confState.voters).not.toContain(voters[0])
            return
          }
          if (step.kind === 'refuse') {
            expect(dead.length).toBeGreaterThan(0)
            return
          }
          expect(step.kind).toBe('propose')
          if (step.kind !== 'propose') return
          confState = applyConfChange(applyConfChange(confState, step.change), [])
          const alive = confState.voters.filter(id => !dead.includes(id))
          const moved = step.change.some(({ kind }) => kind !== 'addLearner')
          if (moved) expect(alive.length * 2).toBeGreaterThan(confState.voters.length)
        }
        throw new Error('it goes on for ever')
      },
    ),
  )
})
