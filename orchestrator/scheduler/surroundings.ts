// What stands around nodes and pods, read from informers: namespaces, Services and owners, claims and
// volumes, disruption budgets.

import { labelSelectorFromMap, labelSelectorFromObject, matchesLabels } from '../api/selectors.js'
import type { LabelSelector } from '../api/selectors.js'
import type { KubeObject } from '../api/object.js'
import type { Pod } from '../api/types/core-pod.js'
import type { StorageClass } from '../api/types/storage-class.js'
import type { CSIDriver, CSINode, CSIStorageCapacity } from '../api/types/storage-csi.js'
import { byLabel, byNamespace, labelIndex, namespaceIndex } from '../client/object-store.js'
import {
  keyOf,
  namespaces,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  type Resource,
  services,
  statefulSets,
} from '../client/resources.js'
import type { SharedInformers } from '../client/shared-informers.js'
import { annotatedTerms, gangOf, type GangTerms, podGroupLabel } from './core/gang.js'
import type { PodInfo } from './core/state/pod-info.js'
import type { Surroundings } from './core/state/snapshot.js'

function ofStorage<T extends KubeObject>(
  kind: string,
  plural: string,
  namespaced: boolean,
): Resource<T> {
  return { group: 'storage.k8s.io', version: 'v1', kind, plural, namespaced }
}

const storageClasses = ofStorage<StorageClass>('StorageClass', 'storageclasses', false)
const csiNodes = ofStorage<CSINode>('CSINode', 'csinodes', false)
const csiDrivers = ofStorage<CSIDriver>('CSIDriver', 'csidrivers', false)
const csiCapacities = ofStorage<CSIStorageCapacity>(
  'CSIStorageCapacity',
  'csistoragecapacities',
  true,
)

/** Whose changes may help a pod that waits for its volumes. */
export const volumeKinds: readonly Resource[] = [
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  csiNodes,
  csiDrivers,
  csiCapacities,
]

const classIndex = 'class'

/** Informers must not have been started. `promisedTo`: see VolumeObjects; `gangTerms`: null while not known. */
export function surroundingsOf(
  informers: SharedInformers,
  promisedTo: (volumeName: string) => string | undefined,
  gangTerms: (pod: Pod) => GangTerms | null,
): Surroundings {
  const allPods = informers.of(pods)
  allPods.addIndex(labelIndex(podGroupLabel), byLabel(podGroupLabel))
  const namespaceInformer = informers.of(namespaces)
  const claims = informers.of(persistentVolumeClaims)
  const volumes = informers.of(persistentVolumes)
  const classes = informers.of(storageClasses)
  const ofNodes = informers.of(csiNodes)
  const drivers = informers.of(csiDrivers)
  const capacities = informers.of(csiCapacities)
  const budgets = informers.of(podDisruptionBudgets)
  volumes.addIndex(classIndex, volume => [volume.spec?.storageClassName ?? ''])
  return {
    namespaceLabels: name => namespaceInformer.objects.get(name)?.metadata.labels,
    kinOf: kinReader(informers),
    gangOf: ({ pod }) => {
      const key = gangOf(pod)
      if (key === null) return null
      const members = allPods.objects.byIndex(labelIndex(podGroupLabel), key)
      const left = members.filter(({ metadata, status }) => {
        const finished = status?.phase === 'Succeeded' || status?.phase === 'Failed'
        return metadata.deletionTimestamp === undefined && !finished
      })
      const terms = gangTerms(pod) ?? annotatedTerms(pod)
      return { ...terms, key, pods: left.length }
    },
    budgets: () => budgets.objects.list(),
    volumes: {
      claim: key => claims.objects.get(key),
      volume: name => volumes.objects.get(name),
      volumesOfClass: name => volumes.objects.byIndex(classIndex, name),
      all: () => volumes.objects.list(),
      storageClass: name => classes.objects.get(name),
      csiNode: name => ofNodes.objects.get(name),
      driver: name => drivers.objects.get(name),
      capacities: () => capacities.objects.list(),
      promisedTo,
    },
  }
}

/** The Services that select a pod, and what its owner selects it by, as one selector. */
function kinReader(informers: SharedInformers): (pod: PodInfo) => LabelSelector {
  const serviceInformer = informers.of(services)
  serviceInformer.addIndex(namespaceIndex, byNamespace)
  const controllers = informers.of(replicationControllers)
  const replicas = informers.of(replicaSets)
  const stateful = informers.of(statefulSets)
  const selectorOf = (kind: string, key: string) => {
    if (kind === 'ReplicaSet') return replicas.objects.get(key)?.spec.selector
    return kind === 'StatefulSet' ? stateful.objects.get(key)?.spec?.selector : undefined
  }
  return ({ pod, namespace, labels }) => {
    let selector: LabelSelector = []
    for (const service of serviceInformer.objects.byIndex(namespaceIndex, namespace)) {
      const own = labelSelectorFromMap(service.spec?.selector ?? {})
      if (own.length > 0 && matchesLabels(own, labels)) selector = [...selector, ...own]
    }
    const owner = (pod.metadata.ownerReferences ?? []).find(one => one.controller === true)
    if (!owner) return selector
    const key = keyOf(namespace, owner.name)
    if (owner.kind === 'ReplicationController') {
      const map = controllers.objects.get(key)?.spec?.selector ?? {}
      return [...selector, ...labelSelectorFromMap(map)]
    }
    return [...selector, ...(labelSelectorFromObject(selectorOf(owner.kind, key)) ?? [])]
  }
}
