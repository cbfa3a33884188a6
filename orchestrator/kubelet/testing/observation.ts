// Short ways to write down what a kubelet may know of a pod, for tables of cases.

import type { Container } from '../../api/types/core-container.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { PodObservation } from '../pod-model.js'
import type { ContainerRecord } from '../runtime.js'

export const nowMs = Date.UTC(2026, 0, 1, 12)

export function podOf(changes: {
  readonly metadata?: Partial<Pod['metadata']>
  readonly spec?: Partial<Pod['spec']>
  readonly status?: Pod['status']
}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid: 'u1', ...changes.metadata },
    spec: { containers: [containerOf('main')], ...changes.spec },
    ...(changes.status === undefined ? {} : { status: changes.status }),
  }
}

export const containerOf = (name: string, more: Partial<Container> = {}): Container => ({
  name,
  image: 'host',
  command: ['true'],
  ...more,
})

/** `exit`: code and how many milliseconds ago; null while it runs. */
export function runOf(
  name: string,
  attempt: number,
  exit: readonly [code: number, agoMs: number] | null,
): ContainerRecord {
  return {
    id: `process://${name}-${attempt}`,
    podUid: 'u1',
    name,
    attempt,
    image: 'host',
    imageId: 'process://host',
    startedAtMs: nowMs - 60_000,
    pid: 100 + attempt,
    exit:
      exit === null
        ? null
        : {
            code: exit[0],
            finishedAtMs: nowMs - exit[1],
            reason: exit[0] === 0 ? 'Completed' : 'Error',
            message: '',
          },
  }
}

/** A pod with its sandbox, nothing run yet. */
export function observationOf(changes: Partial<PodObservation> = {}): PodObservation {
  return {
    pod: podOf({}),
    gone: false,
    stopping: false,
    nowMs,
    hostAddress: '127.0.0.1',
    address: '127.64.0.2',
    runs: [],
    verdicts: new Map(),
    backoffs: new Map(),
    troubles: new Map(),
    pulling: new Set(),
    stops: new Map(),
    deleted: false,
    ...changes,
  }
}
