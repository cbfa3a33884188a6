// What is left of a node: resources and pod slots. Counterpart: plugins noderesources (fit and
// balanced allocation). Left out: resizing pods in place, dynamic resources.

import { type Plugin, type Rejection, scoreMax } from '../plugin.js'
import { type NodeInfo, room } from '../state/node-info.js'
import { amountOf, type Amounts, type PodInfo } from '../state/pod-info.js'
import {
  curveOf,
  defaultStrategy,
  type ScoringStrategy,
  usedWith,
  type WeightedResource,
} from './resource-strategies.js'

export interface ResourcesFitArgs {
  readonly strategy: ScoringStrategy
  /** Extended resources that somebody else looks after, by name and by the domain in front of the slash. */
  readonly ignored: ReadonlySet<string>
  readonly ignoredGroups: ReadonlySet<string>
}

const fitDefaults: ResourcesFitArgs = {
  strategy: defaultStrategy,
  ignored: new Set(),
  ignoredGroups: new Set(),
}

export function nodeResourcesFit(args: ResourcesFitArgs = fitDefaults): Plugin {
  return {
    name: 'NodeResourcesFit',
    filter: ({ pod }) => {
      const others = countedOthers(pod.requests, args)
      const shortages = new Shortages(others)
      const { milliCpu, memory, ephemeralStorage } = pod.requests
      return {
        check: node => {
          const left = node.room
          if (
            (left[room.slots] as number) > 0 &&
            (milliCpu === 0 || milliCpu <= (left[room.milliCpu] as number)) &&
            (memory === 0 || memory <= (left[room.memory] as number)) &&
            (ephemeralStorage === 0 ||
              ephemeralStorage <= (left[room.ephemeralStorage] as number)) &&
            others.every(one => fits(one, node))
          ) {
            return null
          }
          return shortage(pod.requests, others, node, shortages)
        },
      }
    },
    score: question => scoreOf(question.pod, args.strategy),
    hints: {
      'node-added': (event, pod) => 'node' in event && holds(event.node, pod.requests),
      'node-allocatable': (event, pod) => 'node' in event && holds(event.node, pod.requests),
      // A slot at least.
      'pod-freed': () => true,
      'pod-changed': (event, pod) =>
        event.kind === 'pod-changed' && asksForSome(pod, difference(event.old, event.pod)),
    },
  }
}

type Extended = readonly [name: string, amount: number]

function countedOthers({ others }: Amounts, args: ResourcesFitArgs): readonly Extended[] {
  if (others === null) return []
  return [...others].filter(([name, amount]) => {
    const [group = ''] = name.split('/')
    return amount > 0 && !args.ignored.has(name) && !args.ignoredGroups.has(group)
  })
}

function fits([name, amount]: Extended, { allocatable, requested }: NodeInfo): boolean {
  return amount <= (allocatable.others?.get(name) ?? 0) - (requested.others?.get(name) ?? 0)
}

/** Too many pods, then CPU, memory, ephemeral storage and the others, each a bit. */
const slotBit = 1
const cpuBit = 2
const memoryBit = 4
const storageBit = 8
const firstOtherBit = 16
/** More kinds of resources than bits are not told apart from the last of them. */
const otherBits = 24

/** What a pod can lack, one value for each combination: nothing is made for each node. */
class Shortages {
  private readonly known = new Map<number, Rejection>()
  /** Neighbours often lack the same. */
  private lastKey = 0
  private last: Rejection | null = null
  private readonly names: readonly string[]

  constructor(others: readonly Extended[]) {
    this.names = ['cpu', 'memory', 'ephemeral-storage', ...others.map(([name]) => name)]
  }

  /** `missing`: the bits; `couldHold`: room can be made, since the node could hold the pod when empty. */
  of(missing: number, couldHold: boolean): Rejection {
    const key = couldHold ? missing : -missing
    if (key === this.lastKey && this.last !== null) return this.last
    const made = this.known.get(key) ?? this.make(missing, couldHold)
    this.known.set(key, made)
    this.lastKey = key
    this.last = made
    return made
  }

  private make(missing: number, couldHold: boolean): Rejection {
    const reasons = missing & slotBit ? ['Too many pods'] : []
    for (const [at, name] of this.names.entries()) {
      if (missing & (cpuBit << Math.min(at, otherBits))) reasons.push(`Insufficient ${name}`)
    }
    return { plugin: 'NodeResourcesFit', reasons, helpedByPreemption: couldHold }
  }
}

function shortage(
  { milliCpu, memory, ephemeralStorage }: Amounts,
  others: readonly Extended[],
  node: NodeInfo,
  shortages: Shortages,
): Rejection {
  const left = node.room
  let missing = (left[room.slots] as number) > 0 ? 0 : slotBit
  let couldHold = true
  if (milliCpu > 0 && milliCpu > (left[room.milliCpu] as number)) {
    missing |= cpuBit
    if (milliCpu > (left[room.milliCpuMax] as number)) couldHold = false
  }
  if (memory > 0 && memory > (left[room.memory] as number)) {
    missing |= memoryBit
    if (memory > (left[room.memoryMax] as number)) couldHold = false
  }
  if (ephemeralStorage > 0 && ephemeralStorage > (left[room.ephemeralStorage] as number)) {
    missing |= storageBit
    if (ephemeralStorage > (left[room.ephemeralStorageMax] as number)) couldHold = false
  }
  for (let at = 0; at < others.length; at++) {
    const one = others[at] as Extended
    if (fits(one, node)) continue
    missing |= firstOtherBit << Math.min(at, otherBits - 3)
    if (one[1] > (node.allocatable.others?.get(one[0]) ?? 0)) couldHold = false
  }
  return shortages.of(missing, couldHold)
}

function holds({ allocatable }: NodeInfo, wanted: Amounts): boolean {
  return (
    wanted.milliCpu <= allocatable.milliCpu &&
    wanted.memory <= allocatable.memory &&
    wanted.ephemeralStorage <= allocatable.ephemeralStorage &&
    [...(wanted.others ?? [])].every(
      ([name, amount]) => amount <= (allocatable.others?.get(name) ?? 0),
    )
  )
}

function asksForSome({ requests }: PodInfo, freed: Amounts): boolean {
  return (
    (requests.milliCpu > 0 && freed.milliCpu > 0) ||
    (requests.memory > 0 && freed.memory > 0) ||
    (requests.ephemeralStorage > 0 && freed.ephemeralStorage > 0) ||
    [...(requests.others ?? [])].some(([name]) => amountOf(freed, name) > 0)
  )
}

function difference({ requests: from }: PodInfo, { requests: to }: PodInfo): Amounts {
  return {
    milliCpu: from.milliCpu - to.milliCpu,
    memory: from.memory - to.memory,
    ephemeralStorage: from.ephemeralStorage - to.ephemeralStorage,
    others: from.others,
  }
}

function scoreOf(pod: PodInfo, strategy: ScoringStrategy) {
  const curve = curveOf(strategy)
  const { resources } = strategy
  const [first, second] = resources
  // What nearly everybody has, without a walk over names.
  if (resources.length === 2 && first?.name === 'cpu' && second?.name === 'memory') {
    const cpuWeight = first.weight
    const memoryWeight = second.weight
    return {
      score: (node: NodeInfo) => {
        const { milliCpu, memory } = node.allocatable
        let sum = 0
        let weights = 0
        if (milliCpu > 0) {
          sum += curve(node.scoredCpu + pod.scoredCpu, milliCpu) * cpuWeight
          weights += cpuWeight
        }
        if (memory > 0) {
          sum += curve(node.scoredMemory + pod.scoredMemory, memory) * memoryWeight
          weights += memoryWeight
        }
        return weights === 0 ? 0 : Math.floor(sum / weights)
      },
    }
  }
  return { score: (node: NodeInfo) => weighted(node, pod, resources, curve) }
}

function weighted(
  node: NodeInfo,
  pod: PodInfo,
  resources: readonly WeightedResource[],
  curve: (used: number, capacity: number) => number,
): number {
  let sum = 0
  let weights = 0
  for (const { name, weight } of resources) {
    const capacity = amountOf(node.allocatable, name)
    if (capacity === 0) continue
    sum += curve(usedWith(node, pod, name), capacity) * weight
    weights += weight
  }
  return weights === 0 ? 0 : Math.floor(sum / weights)
}

/** Resources should run out together. */
export function balancedAllocation(
  resources: readonly WeightedResource[] = defaultStrategy.resources,
): Plugin {
  const names = resources.map(({ name }) => name)
  return {
    name: 'NodeResourcesBalancedAllocation',
    // A pod that asks for nothing changes no balance, and would follow the others about.
    score: ({ pod }) =>
      pod.bestEffort
        ? null
        : { score: node => Math.floor((1 - deviation(node, pod, names)) * scoreMax) },
  }
}

function deviation(node: NodeInfo, pod: PodInfo, names: readonly string[]): number {
  const [first = '', second = ''] = names
  // Of two it is half their distance: exact, and nothing is made.
  if (names.length === 2) {
    const a = shareOf(node, pod, first)
    const b = shareOf(node, pod, second)
    return a < 0 || b < 0 ? 0 : Math.abs(a - b) / 2
  }
  const shares = names.map(name => shareOf(node, pod, name)).filter(share => share >= 0)
  if (shares.length < 2) return 0
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
  const squares = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0)
  return Math.sqrt(squares / shares.length)
}

/** Of what the node has, with the pod there; below zero where it has nothing of it. */
function shareOf(node: NodeInfo, pod: PodInfo, name: string): number {
  const capacity = amountOf(node.allocatable, name)
  if (capacity === 0) return -1
  return Math.min(1, (requestedOf(node, name) + amountOf(pod.requests, name)) / capacity)
}

function requestedOf({ requested }: NodeInfo, name: string): number {
  if (name === 'cpu') return requested.milliCpu
  if (name === 'memory') return requested.memory
  if (name === 'ephemeral-storage') return requested.ephemeralStorage
  return requested.others?.get(name) ?? 0
}
