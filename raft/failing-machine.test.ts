// A state machine that cannot go on: its node ends, tells why, and the others go on without it.

import { expect, test } from 'vitest'
import { RaftsmanError } from '../platform/errors.js'
import { itemsOf, VirtualCluster } from './testing/virtual-cluster.js'

test('a node whose machine refuses an entry for good ends with the reason', () => {
  const cluster = new VirtualCluster(3)
  cluster.startAll()
  const leader = cluster.elect()
  cluster.propose(leader, itemsOf('x', 3))
  const hurt = (leader % 3) + 1
  cluster.until('it has them', () => cluster.items(hurt).length === 3)
  const { machine, fatal } = cluster.member(hurt)
  machine.apply = () => {
    throw new RaftsmanError('a newer program is needed', {
      code: 'version-unknown',
      retryable: false,
      outcome: 'unknown',
    })
  }
  cluster.propose(leader, ['y'])
  cluster.until('it has ended', () => fatal.length > 0)
  expect(fatal.map(({ message }) => message)).toEqual(['a newer program is needed'])
  cluster.propose(leader, ['z'])
  cluster.until('the others go on', () => cluster.items(leader).at(-1) === 'z')
  expect(cluster.items(hurt)).toHaveLength(3)
})
