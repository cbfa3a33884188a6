// What a DaemonSet needs done: claims, pods to make and to remove, its status. Pure. Counterpart:
// pkg/controller/daemon/daemon_controller.go. First every node gets the one pod that it is to have, and no other; only
// in a round that finds nothing of that to do are pods of older revisions replaced (rollout.ts).

import { type LabelSelector, labelSelectorFromObject } from '../../api/selectors.js'
import type { DaemonSet, DaemonSetStatus } from '../../api/types/apps-daemon-set.js'
import type { Node } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import { type Claims, claim, isDeleting } from '../ownership.js'
import { availableInMs, isPodReady, isPodTerminal } from '../pod-state.js'
import { revisionLabel } from '../revisions.js'
import { byRank, type Place, placesOf } from './places.js'
import { allowsSurge, planRollout, type PodTests } from './rollout.js'
import { daemonSetStatus } from './status.js'

export interface DaemonSetInputs {
  readonly daemonSet: DaemonSet
  readonly nodes: readonly Node[]
  /** All pods that it owns or could adopt. */
  readonly candidates: readonly Pod[]
  /** What pods of the current template are labelled with. */
  readonly currentHashes: ReadonlySet<string>
  readonly collisionCount: number
  /** False while writes of an earlier round are not visible yet: nothing is made or removed then. */
  readonly expectationsMet: boolean
  /** How long a pod that failed on a node has to stay. */
  readonly failedWaitMs: (node: string) => number
  readonly nowMs: number
}

export interface DaemonSetEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: 'FailedDaemonPod' | 'SucceededDaemonPod'
  readonly message: string
}

export interface DaemonSetPlan {
  readonly claims: Claims<Pod>
  /** What is and will be its own. */
  readonly pods: readonly Pod[]
  /** Names of the nodes that a pod is made for. */
  readonly creations: readonly string[]
  readonly deletions: readonly Pod[]
  /** Nodes whose failed pods go: the next ones stay for longer. */
  readonly failedOn: readonly string[]
  readonly events: readonly DaemonSetEvent[]
  readonly status: DaemonSetStatus
  /** When something happens without any event: a pod becomes available, a failed one may go. */
  readonly requeueAfterMs: number | null
}

/** Pods made, and pods removed, in one round; the rest follows in the next. */
export const burstMax = 250

export function selectorOf({ spec }: DaemonSet): LabelSelector {
  return labelSelectorFromObject(spec.selector) ?? []
}

export function planDaemonSet(inputs: DaemonSetInputs): DaemonSetPlan {
  const { daemonSet, nowMs, expectationsMet } = inputs
  const claims = claim(daemonSet, selectorOf(daemonSet), inputs.candidates)
  const pods = [...claims.owned, ...claims.adopt]
  const { places, stranded } = placesOf(daemonSet, inputs.nodes, pods)
  const tests = podTests(inputs)
  const acts = expectationsMet && !isDeleting(daemonSet)
  const steps = acts ? stepsOf(inputs, places, stranded, tests) : noSteps
  const removals = steps.removals.slice(0, burstMax)
  const waits = [...steps.waits, ...waitsForAvailability(daemonSet, places, nowMs)]
  return {
    claims,
    pods,
    creations: steps.creations.slice(0, burstMax),
    deletions: removals.map(({ pod }) => pod),
    failedOn: [...new Set(removals.filter(({ end }) => end === 'Failed').map(({ node }) => node))],
    events: removals.flatMap(eventsOf),
    status: {
      ...daemonSetStatus(daemonSet, places, tests, acts),
      collisionCount: inputs.collisionCount,
    },
    requeueAfterMs: waits.length === 0 ? null : Math.min(...waits),
  }
}

function podTests({ daemonSet, currentHashes, nowMs }: DaemonSetInputs): PodTests {
  const { minReadySeconds = 0 } = daemonSet.spec
  return {
    isCurrent: ({ metadata }) => currentHashes.has(metadata.labels?.[revisionLabel] ?? ''),
    isAvailable: pod => availableInMs(pod, minReadySeconds, nowMs) === 0,
  }
}

interface Removal {
  readonly pod: Pod
  readonly node: string
  /** How it ended by itself; null for one that is taken away. */
  readonly end: 'Failed' | 'Succeeded' | null
}

interface Steps {
  readonly creations: readonly string[]
  readonly removals: readonly Removal[]
  readonly waits: readonly number[]
}

const noSteps: Steps = { creations: [], removals: [], waits: [] }

const removalsOf = (pods: readonly Pod[], node = ''): readonly Removal[] =>
  pods.map(pod => ({ pod, node, end: null }))

function stepsOf(
  inputs: DaemonSetInputs,
  places: readonly Place[],
  stranded: readonly Pod[],
  tests: PodTests,
): Steps {
  const each = places.map(place => stepsAt(place, inputs, tests))
  const creations = each.flatMap(steps => steps.creations)
  const removals = [...each.flatMap(steps => steps.removals), ...removalsOf(stranded)]
  const waits = each.flatMap(steps => steps.waits)
  if (creations.length + removals.length > 0) return { creations, removals, waits }
  const rollout = planRollout(inputs.daemonSet, places, tests)
  return { creations: rollout.creations, removals: removalsOf(rollout.deletions), waits }
}

/** One pod on a node that is to have one, two while it surges, and none on one that is not. */
function stepsAt(place: Place, inputs: DaemonSetInputs, tests: PodTests): Steps {
  const { name, fit, pods } = place
  const staying = pods.filter(pod => !isDeleting(pod))
  if (fit === 'unfit') return { ...noSteps, removals: removalsOf(staying, name) }
  const surging = allowsSurge(inputs.daemonSet)
  // Without surge one that leaves is waited for: two could not share what they take of a node.
  if ((surging ? staying : pods).length === 0) {
    return { ...noSteps, creations: fit === 'wanted' ? [name] : [] }
  }
  const running = byRank(staying.filter(pod => !isPodTerminal(pod)))
  const surplus = surging ? surplusOfSurge(running, tests) : running.slice(1)
  const ended = endedAt(name, staying.filter(isPodTerminal), inputs)
  return {
    creations: [],
    removals: [...ended.removals, ...removalsOf(surplus, name)],
    waits: ended.waits,
  }
}

function endedAt(node: string, ended: readonly Pod[], inputs: DaemonSetInputs): Steps {
  const failed = ended.filter(({ status }) => status?.phase === 'Failed')
  const waitMs = failed.length === 0 ? 0 : inputs.failedWaitMs(node)
  const leaving = waitMs > 0 ? ended.filter(pod => !failed.includes(pod)) : ended
  return {
    creations: [],
    removals: leaving.map(pod => ({
      pod,
      node,
      end: pod.status?.phase === 'Failed' ? 'Failed' : 'Succeeded',
    })),
    waits: waitMs > 0 ? [waitMs] : [],
  }
}

/** One of each sort may stay, until the old one has become useless or the new one available. */
function surplusOfSurge(running: readonly Pod[], tests: PodTests): readonly Pod[] {
  const [fresh, ...moreFresh] = running.filter(tests.isCurrent)
  const [old, ...moreOld] = running.filter(pod => !tests.isCurrent(pod))
  const surplus = [...moreFresh, ...moreOld]
  if (fresh === undefined || old === undefined) return surplus
  return !isPodReady(old) || tests.isAvailable(fresh) ? [...surplus, old] : surplus
}

/** The sentences that people search for. */
function eventsOf({ pod, node, end }: Removal): readonly DaemonSetEvent[] {
  if (end === null) return []
  const { namespace = '', name = '' } = pod.metadata
  const found = `Found ${end.toLowerCase()} daemon pod ${namespace}/${name} on node ${node}`
  return end === 'Failed'
    ? [{ type: 'Warning', reason: 'FailedDaemonPod', message: `${found}, will try to kill it` }]
    : [{ type: 'Normal', reason: 'SucceededDaemonPod', message: `${found}, will try to delete it` }]
}

function waitsForAvailability(
  { spec }: DaemonSet,
  places: readonly Place[],
  nowMs: number,
): readonly number[] {
  const { minReadySeconds = 0 } = spec
  if (minReadySeconds === 0) return []
  return places
    .flatMap(({ pods }) => pods)
    .map(pod => availableInMs(pod, minReadySeconds, nowMs) ?? 0)
    .filter(waitMs => waitMs > 0)
}
