// The counters of a DaemonSet: nodes that are to run a pod, that do, and how well. Pure. Counterpart:
// updateDaemonSetStatus of pkg/controller/daemon.

import type { Json } from '../../api/object.js'
import type { DaemonSet, DaemonSetStatus } from '../../api/types/apps-daemon-set.js'
import { isPodReady } from '../pod-state.js'
import { byRank, type Place } from './places.js'
import type { PodTests } from './rollout.js'

/** `observed` is false while nothing can be done for the newest generation. */
export function daemonSetStatus(
  set: DaemonSet,
  places: readonly Place[],
  tests: PodTests,
  observed: boolean,
): DaemonSetStatus {
  const wanted = places.filter(({ fit }) => fit === 'wanted')
  const scheduled = wanted.flatMap(({ pods }) => byRank(pods).slice(0, 1))
  const available = scheduled.filter(tests.isAvailable).length
  const { conditions, observedGeneration = 0 } = set.status ?? {}
  return {
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: scheduled.length,
    numberMisscheduled: places.filter(({ fit, pods }) => fit !== 'wanted' && pods.length > 0)
      .length,
    numberReady: scheduled.filter(isPodReady).length,
    updatedNumberScheduled: scheduled.filter(tests.isCurrent).length,
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    observedGeneration: observed ? (set.metadata.generation ?? 0) : observedGeneration,
    ...(conditions === undefined ? {} : { conditions }),
  }
}

/** Zero counts are absent on the wire, so that old and new compare equal. */
export function comparableStatus(status: DaemonSetStatus | undefined): Json {
  return {
    desiredNumberScheduled: status?.desiredNumberScheduled ?? 0,
    currentNumberScheduled: status?.currentNumberScheduled ?? 0,
    numberMisscheduled: status?.numberMisscheduled ?? 0,
    numberReady: status?.numberReady ?? 0,
    updatedNumberScheduled: status?.updatedNumberScheduled ?? 0,
    numberAvailable: status?.numberAvailable ?? 0,
    numberUnavailable: status?.numberUnavailable ?? 0,
    observedGeneration: status?.observedGeneration ?? 0,
    collisionCount: status?.collisionCount ?? 0,
  }
}
