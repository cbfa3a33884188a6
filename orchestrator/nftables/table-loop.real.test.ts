import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeRandom } from '../../platform/node/random.js'
import type { Processes } from '../../platform/processes.js'
import type { NftTable } from './table.js'
import { type Synced, TableLoop } from './table-loop.js'
import { eventually, Namespace, systemPath } from './testing/network-namespaces.js'

let namespace: Namespace
let loop: TableLoop | null = null

beforeAll(() => {
  namespace = new Namespace('loop')
})

afterEach(() => loop?.stop())
afterAll(() => namespace.remove())

const tableOf = (rules: readonly string[]): NftTable => ({
  family: 'ip',
  name: 'raftsman-test',
  sets: new Map(),
  chains: new Map([['some-chain', { base: null, rules }]]),
})

function keep(compile: () => NftTable, auditMs = 60_000, processes = namespace.processes) {
  const synced: Synced['applied'][] = []
  const failures: string[] = []
  loop = new TableLoop({
    compile: () => [compile()],
    onSynced: ({ applied }) => void synced.push(applied),
    onFailed: ({ message }) => void failures.push(message),
    clock: nodeClock(),
    random: nodeRandom(),
    processes,
    logger: silentLogger,
    searchPath: systemPath,
    auditMs,
  })
  return { loop, synced, failures }
}

const listed = (): string =>
  namespace.exec('nft', 'list', 'chain', 'ip', 'raftsman-test', 'some-chain')

it('a transaction that is refused changes nothing, and is tried again as a whole', async () => {
  let rules = ['accept']
  const { loop: own, synced, failures } = keep(() => tableOf(rules))
  own.changed()
  await eventually('the first is there', () => synced.length === 1)
  rules = ['accept', 'no rule at all']
  own.changed()
  await eventually('it is refused, twice', () => failures.length === 2)
  expect(failures[0]).toContain('syntax error')
  expect(listed()).toContain('accept')
  rules = ['accept', 'drop']
  await eventually('the last is there', () => synced.length === 2)
  expect(synced).toEqual(['full', 'full'])
  expect(listed()).toContain('drop')
})

it('changes that come together are one transaction, and one that changes nothing is none', async () => {
  let rules = ['accept']
  const { loop: own, synced } = keep(() => tableOf(rules))
  for (let change = 0; change < 10; change += 1) own.changed()
  await eventually('it is there', () => synced.length > 0)
  rules = ['drop']
  own.changed()
  await eventually('the other is there', () => synced.length > 1)
  own.changed()
  await eventually('nothing is to be done', () => synced.length > 2)
  expect(synced).toEqual(['full', 'partial', 'nothing'])
})

it('an audit leaves alone what is as it was', async () => {
  let audits = 0
  const { processes } = namespace
  const counting: Processes = {
    ...processes,
    spawn(spec, onExit, onError) {
      if (spec.args.includes('list')) audits += 1
      return processes.spawn(spec, onExit, onError)
    },
  }
  const { loop: own, synced } = keep(() => tableOf(['counter accept']), 20, counting)
  own.changed()
  await eventually('it is looked at again and again', () => audits >= 4)
  expect(synced).toEqual(['full'])
})
