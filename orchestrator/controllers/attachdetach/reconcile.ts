// To which nodes a volume of a driver is to be attached, and when it may be taken off one. Pure. Counterpart: the reconciler
// of pkg/controller/volume/attachdetach. Left out: drivers that are built in, of which Kubernetes has none left.
//
// A volume is taken off in the order that keeps data whole: the node unmounts it and says so (volumesInUse), the status says
// that it is no longer attached, and only then the attachment goes.

import type { Node } from '../../api/types/core-node.js'
import type { PersistentVolume } from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { VolumeAttachment } from '../../api/types/storage-attachment.js'
import { isDeleting } from '../ownership.js'
import { type HashText, isOurs, newAttachment, uniqueName } from './attachment.js'

/** How long a node that is not well may keep a volume in use that nobody there wants. */
export const unmountPatienceMs = 360_000
const outOfService = 'node.kubernetes.io/out-of-service'

export interface AttachInput {
  readonly volume: PersistentVolume
  /** False where the driver has no notion of it. */
  readonly attachRequired: boolean
  /** Of this volume. */
  readonly attachments: readonly VolumeAttachment[]
  /** That have a node and want this volume there. */
  readonly pods: readonly Pod[]
  readonly nodeNamed: (name: string) => Node | null
  /** Since when nobody wants an attachment, by its name; null: since now. */
  readonly unwantedSinceMs: (name: string) => number | null
  readonly nowMs: number
  readonly hash: HashText
}

export type AttachStep =
  | { readonly kind: 'attach'; readonly attachment: VolumeAttachment }
  | { readonly kind: 'detach'; readonly attachment: VolumeAttachment }
  /** What the node's status is to say of the volume, and what is told once it says so. */
  | {
      readonly kind: 'report'
      readonly nodeName: string
      readonly name: string
      readonly attached: boolean
      readonly news: readonly AttachEvent[]
    }

export interface AttachEvent {
  readonly pod: Pod
  readonly type: 'Normal' | 'Warning'
  readonly reason: 'SuccessfulAttachVolume' | 'FailedAttachVolume'
  readonly message: string
}

export interface AttachPlan {
  readonly steps: readonly AttachStep[]
  readonly events: readonly AttachEvent[]
  /** Attachments that nobody wants, by name: how long is remembered for. */
  readonly unwanted: readonly string[]
  readonly requeueAfterMs: number | null
}

export function planAttachments(input: AttachInput): AttachPlan {
  const steps: AttachStep[] = []
  const events: AttachEvent[] = []
  const unwanted: string[] = []
  let requeueAfterMs: number | null = null
  const wanted = byNode(input.attachRequired ? input.pods : [])
  const ours = input.attachments.filter(isOurs)
  for (const attachment of ours) {
    const pods = wanted.get(attachment.spec.nodeName)
    if (pods !== undefined) {
      steps.push(...planPresent(input, attachment, pods, events))
      continue
    }
    const name = attachment.metadata.name ?? ''
    unwanted.push(name)
    const waitMs = patienceLeftMs(input, attachment)
    if (waitMs === 0) steps.push(...planDetach(input, attachment))
    else requeueAfterMs = Math.min(requeueAfterMs ?? waitMs, waitMs)
  }
  for (const [nodeName, pods] of wanted) {
    if (ours.some(({ spec }) => spec.nodeName === nodeName)) continue
    if (input.nodeNamed(nodeName) === null) continue
    const others = input.attachments.filter(({ spec }) => spec.nodeName !== nodeName)
    const taken = others.length > 0 || steps.some(({ kind }) => kind === 'attach')
    if (taken && !isShareable(input.volume)) {
      events.push(...multiAttachErrors(input, nodeName, pods))
    } else {
      steps.push({ kind: 'attach', attachment: newAttachment(input.volume, nodeName, input.hash) })
    }
  }
  return { steps, events, unwanted, requeueAfterMs }
}

function byNode(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const found = new Map<string, Pod[]>()
  for (const pod of pods) {
    const { nodeName = '' } = pod.spec
    const known = found.get(nodeName)
    if (known === undefined) found.set(nodeName, [pod])
    else known.push(pod)
  }
  return found
}

/** Wanted, and on its way or there. */
function planPresent(
  { volume, nodeNamed }: AttachInput,
  attachment: VolumeAttachment,
  pods: readonly Pod[],
  events: AttachEvent[],
): readonly AttachStep[] {
  const { attached = false, attachError } = attachment.status ?? {}
  const { nodeName } = attachment.spec
  const node = nodeNamed(nodeName)
  // One that is going is made anew once it is gone.
  if (node === null || isDeleting(attachment)) return []
  const title = volume.metadata.name
  if (!attached) {
    if (attachError === undefined) return []
    const message = `AttachVolume.Attach failed for volume "${title}" : ${attachError.message ?? ''}`
    for (const pod of pods) {
      events.push({ pod, type: 'Warning', reason: 'FailedAttachVolume', message })
    }
    return []
  }
  const name = uniqueName(volume)
  if (saysAttached(node, name)) return []
  const message = `AttachVolume.Attach succeeded for volume "${title}"`
  const news = pods.map(
    (pod): AttachEvent => ({ pod, type: 'Normal', reason: 'SuccessfulAttachVolume', message }),
  )
  return [{ kind: 'report', nodeName, name, attached: true, news }]
}

function planDetach(
  { volume, nodeNamed }: AttachInput,
  attachment: VolumeAttachment,
): AttachStep[] {
  if (isDeleting(attachment)) return []
  const { nodeName } = attachment.spec
  const node = nodeNamed(nodeName)
  const name = uniqueName(volume)
  if (node !== null && saysAttached(node, name)) {
    return [{ kind: 'report', nodeName, name, attached: false, news: [] }]
  }
  return [{ kind: 'detach', attachment }]
}

/** How long the node is still waited for; 0 when it is not. */
function patienceLeftMs(input: AttachInput, { metadata, spec }: VolumeAttachment): number {
  const { volume, nodeNamed, unwantedSinceMs, nowMs } = input
  const node = nodeNamed(spec.nodeName)
  if (node === null) return 0
  const inUse = node.status?.volumesInUse?.includes(uniqueName(volume)) ?? false
  if (!inUse || node.spec?.taints?.some(({ key }) => key === outOfService)) return 0
  const sinceMs = unwantedSinceMs(metadata.name ?? '') ?? nowMs
  const leftMs = Math.max(0, sinceMs + unmountPatienceMs - nowMs)
  // A node that is well gets all the time it needs; its status brings us back.
  return leftMs === 0 && isReady(node) ? unmountPatienceMs : leftMs
}

const isReady = ({ status }: Node): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false

const saysAttached = ({ status }: Node, name: string): boolean =>
  status?.volumesAttached?.some(attached => attached.name === name) ?? false

/** Several nodes may have it at a time. */
function isShareable({ spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? []
  return modes.length === 0 || modes.includes('ReadWriteMany') || modes.includes('ReadOnlyMany')
}

function multiAttachErrors(
  { volume, pods: all }: AttachInput,
  nodeName: string,
  pods: readonly Pod[],
): readonly AttachEvent[] {
  const elsewhere = all.filter(({ spec }) => spec.nodeName !== nodeName)
  return pods.map(pod => {
    const { namespace } = pod.metadata
    const near = elsewhere.filter(({ metadata }) => metadata.namespace === namespace)
    const names = near.map(({ metadata }) => metadata.name).join(', ')
    const far = elsewhere.length - near.length
    const who =
      near.length > 0
        ? `Volume is already used by pod(s) ${names}${far > 0 ? ` and ${far} pod(s) in different namespaces` : ''}`
        : far > 0
          ? `Volume is already used by ${far} pod(s) in different namespaces`
          : "Volume is already exclusively attached to one node and can't be attached to another"
    const message = `Multi-Attach error for volume "${volume.metadata.name}" ${who}`
    return { pod, type: 'Warning', reason: 'FailedAttachVolume', message }
  })
}
