// How sandboxes and containers of ours are told from all others of a runtime, and what is written on them to be read
// after a restart. Counterpart: pkg/kubelet/kuberuntime/labels; its names are kept, for tools look for them. Pure.

import type { Container } from '../../../api/types/core-container.js'
import type { Pod } from '../../../api/types/core-pod.js'

type Texts = Readonly<Record<string, string>>

/** The node as its data directory knows it: two nodes of one name on one runtime keep out of each other's way. */
const ownerLabel = 'raftsman.dev/node-identity'

const podName = 'io.kubernetes.pod.name'
const podNamespace = 'io.kubernetes.pod.namespace'
const podUid = 'io.kubernetes.pod.uid'
const containerName = 'io.kubernetes.container.name'
const restartCount = 'io.kubernetes.container.restartCount'
const terminationPath = 'io.kubernetes.container.terminationMessagePath'
const terminationPolicy = 'io.kubernetes.container.terminationMessagePolicy'

/** Of everything that belongs to this node; as a selector and as labels. */
export const ownedBy = (owner: string): Texts => ({ [ownerLabel]: owner })

export function sandboxLabels(pod: Pod, owner: string): Texts {
  return { ...pod.metadata.labels, ...identity(pod), ...ownedBy(owner) }
}

export function containerLabels(pod: Pod, container: Container, owner: string): Texts {
  return { ...identity(pod), [containerName]: container.name, ...ownedBy(owner) }
}

function identity({ metadata }: Pod): Texts {
  const { name = '', namespace = '', uid = '' } = metadata
  return { [podName]: name, [podNamespace]: namespace, [podUid]: uid }
}

export function containerAnnotations(container: Container, attempt: number): Texts {
  return {
    [restartCount]: String(attempt),
    [terminationPath]: container.terminationMessagePath ?? '',
    [terminationPolicy]: container.terminationMessagePolicy ?? 'File',
  }
}

export interface PodIdentity {
  readonly podUid: string
  readonly podNamespace: string
  readonly podName: string
}

/** Null for what does not say whose it is. */
export function podOfLabels(labels: Texts): PodIdentity | null {
  const uid = labels[podUid]
  if (uid === undefined || uid === '') return null
  return { podUid: uid, podNamespace: labels[podNamespace] ?? '', podName: labels[podName] ?? '' }
}

export const containerOfLabels = (labels: Texts): string | null => labels[containerName] ?? null

export const fallsBackToLog = (annotations: Texts): boolean =>
  annotations[terminationPolicy] === 'FallbackToLogsOnError'
