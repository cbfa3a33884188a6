// A DaemonSet and its pods for tests, with what a test does not care about filled in.

import type { ObjectMeta } from '../../../api/object.js'
import type {
  ControllerRevision,
  DaemonSet,
  DaemonSetSpec,
} from '../../../api/types/apps-daemon-set.js'
import type { Node } from '../../../api/types/core-node.js'
import type { Pod, PodSpec } from '../../../api/types/core-pod.js'
import { controllerReference } from '../../ownership.js'
import { revisionLabel } from '../../revisions.js'
import { node, pod, type PodShape } from '../../testing/objects.js'
import { type DaemonSetInputs, type DaemonSetPlan, planDaemonSet } from '../reconcile.js'

export interface SetShape extends Partial<DaemonSetSpec> {
  readonly meta?: Partial<ObjectMeta>
  /** Of the template. */
  readonly pod?: Partial<PodSpec>
}

export function daemonSet(shape: SetShape = {}): DaemonSet {
  const { meta, pod: podSpec, ...spec } = shape
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { namespace: 'shop', name: 'agent', uid: 'uid-agent', generation: 1, ...meta },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c' }], ...podSpec },
      },
      ...rolling(1, 0),
      ...spec,
    },
  }
}

export function rolling(
  maxUnavailable: number | string,
  maxSurge: number | string,
): Pick<DaemonSetSpec, 'updateStrategy'> {
  return { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge } } }
}

/** The current revision in these tests, and one before it. */
export const newest = 'new'
export const older = 'old'

/** Of `daemonSet()`, bound to the node and of the current revision unless the shape says otherwise. */
export function daemonPodOn(
  on: string,
  name: string,
  shape: PodShape & { readonly hash?: string } = {},
): Pod {
  const { hash = newest, labels = { app: 'web' }, meta, ...others } = shape
  return pod(name, {
    node: on,
    ...others,
    labels: { ...labels, [revisionLabel]: hash },
    meta: { ownerReferences: [controllerReference(daemonSet())], ...meta },
  })
}

export const nodesNamed = (...names: readonly string[]): readonly Node[] =>
  names.map(name => node(name))

/** A round, in which everything is as it is most of the time unless `more` says otherwise. */
export function roundOf(
  set: DaemonSet,
  nodes: readonly Node[],
  candidates: readonly Pod[],
  more: Partial<DaemonSetInputs> & Pick<DaemonSetInputs, 'nowMs'>,
): DaemonSetPlan {
  return planDaemonSet({
    daemonSet: set,
    nodes,
    candidates,
    currentHashes: new Set([newest]),
    collisionCount: 0,
    expectationsMet: true,
    failedWaitMs: () => 0,
    ...more,
  })
}

export const namesOf = (pods: readonly Pod[]): readonly string[] =>
  pods.map(({ metadata }) => metadata.name ?? '')

export function revision(number: number, image: string): ControllerRevision {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      namespace: 'shop',
      name: `agent-${number}`,
      labels: { app: 'web', [revisionLabel]: `hash-${number}` },
    },
    data: {
      spec: { template: { $patch: 'replace', spec: { containers: [{ name: 'c', image }] } } },
    },
    revision: number,
  }
}
