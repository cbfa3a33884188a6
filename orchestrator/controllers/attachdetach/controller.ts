// The attach and detach controller's shell: pods, claims and volumes in; VolumeAttachments and the attached volumes in the
// status of nodes out. The drivers do the rest. Counterpart: pkg/controller/volume/attachdetach.

import { createHash } from 'node:crypto'
import type { KubeObject } from '../../api/object.js'
import type { Node } from '../../api/types/core-node.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { VolumeAttachment } from '../../api/types/storage-attachment.js'
import { isAlreadyExists, isNotFound } from '../../client/api-error.js'
import {
  csiDrivers,
  keyOf,
  nodes,
  objectKey,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { isPodTerminal } from '../pod-state.js'
import { byMountedClaim, mountedClaimIndex } from '../storageprotection/reconcile.js'
import { WrittenVersions } from '../written-versions.js'
import type { AttachEvent, AttachStep } from './reconcile.js'
import { planAttachments } from './reconcile.js'

/** By the volume's name. */
const volumeIndex = 'volume'
const notShownYetMs = 100

export function startAttachDetachController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const podInformer = informers.of(pods)
  const claimInformer = informers.of(persistentVolumeClaims)
  const volumeInformer = informers.of(persistentVolumes)
  const attachmentInformer = informers.of(volumeAttachments)
  const drivers = informers.of(csiDrivers)
  const nodeInformer = informers.of(nodes)
  podInformer.addIndex(mountedClaimIndex, byMountedClaim)
  attachmentInformer.addIndex(volumeIndex, volumeNamedBy)
  const recorder = recorderOf(context, 'attachdetach-controller')
  const written = new WrittenVersions()
  /** Since when nobody wants an attachment, by its name, on the monotonic clock; kept while that is so. */
  const unwantedSince = new Map<string, number>()
  const { queue, start } = reconcilerQueue(context, {
    name: 'attachdetach',
    concurrency: 1,
    reconcile,
  })

  async function reconcile(name: string): Promise<void> {
    const volume = volumeInformer.objects.get(name)
    if (volume?.spec?.csi === undefined) {
      written.forget(name)
      return
    }
    if (!written.shownBy(attachmentInformer, name)) {
      queue.addAfter(name, notShownYetMs)
      return
    }
    const nowMs = clock.monotonicMs()
    const attachments = attachmentInformer.objects.byIndex(volumeIndex, name)
    const plan = planAttachments({
      volume,
      attachRequired: drivers.objects.get(volume.spec.csi.driver)?.spec.attachRequired ?? true,
      attachments,
      pods: usersOf(volume),
      nodeNamed: node => nodeInformer.objects.get(node) ?? null,
      unwantedSinceMs: attachment => unwantedSince.get(attachment) ?? null,
      nowMs,
      hash: text => createHash('sha256').update(text).digest('hex'),
    })
    for (const { metadata } of attachments) {
      const { name: attachment = '' } = metadata
      if (!plan.unwanted.includes(attachment)) unwantedSince.delete(attachment)
      else if (!unwantedSince.has(attachment)) unwantedSince.set(attachment, nowMs)
    }
    tell(plan.events)
    for (const step of plan.steps) await perform(name, step)
    if (plan.requeueAfterMs !== null) queue.addAfter(name, plan.requeueAfterMs)
  }

  function tell(events: readonly AttachEvent[]): void {
    for (const { pod, type, reason, message } of events) recorder.record(pod, type, reason, message)
  }

  function usersOf({ metadata, spec }: PersistentVolume): readonly Pod[] {
    const { namespace, name = '', uid } = spec?.claimRef ?? {}
    const key = keyOf(namespace, name)
    const claim = claimInformer.objects.get(key)
    if (claim?.metadata.uid !== uid || claim?.spec?.volumeName !== metadata.name) return []
    return podInformer.objects
      .byIndex(mountedClaimIndex, key)
      .filter(pod => (pod.spec.nodeName ?? '') !== '' && !isPodTerminal(pod))
  }

  async function perform(volume: string, step: AttachStep): Promise<void> {
    switch (step.kind) {
      case 'attach':
        try {
          written.note(volume, await client.create(volumeAttachments, step.attachment))
        } catch (error) {
          if (!isAlreadyExists(error)) throw error
        }
        return
      case 'detach': {
        const { name = '', uid = '' } = step.attachment.metadata
        unwantedSince.delete(name)
        await client.delete(volumeAttachments, { name }, { uid }).catch(unlessGone)
        return
      }
      case 'report':
        await report(step)
    }
  }

  /** On the newest state of the node, which its kubelet writes to as well; refused where that was faster. */
  async function report(step: AttachStep & { readonly kind: 'report' }): Promise<void> {
    const { nodeName, name, attached, news } = step
    try {
      const node = await client.get(nodes, { name: nodeName })
      const said = node.status?.volumesAttached?.some(one => one.name === name) ?? false
      if (said === attached) return
      const others = (node.status?.volumesAttached ?? []).filter(one => one.name !== name)
      const volumesAttached = attached ? [...others, { name, devicePath: '' }] : others
      await client.updateStatus(nodes, { ...node, status: { ...node.status, volumesAttached } })
      tell(news)
    } catch (error) {
      unlessGone(error)
    }
  }

  function unlessGone(error: unknown): void {
    if (!isNotFound(error)) throw error
  }

  function podChanged(pod: Pod): void {
    for (const key of byMountedClaim(pod)) {
      const name = claimInformer.objects.get(key)?.spec?.volumeName ?? ''
      if (name !== '') queue.add(name)
    }
  }

  function claimChanged({ spec }: PersistentVolumeClaim): void {
    const { volumeName = '' } = spec ?? {}
    if (volumeName !== '') queue.add(volumeName)
  }

  /** Only where it matters: nodes are written to all the time. */
  function nodeChanged(node: Node, old: Node): void {
    const texts = [node, old].map(({ spec, status }) =>
      JSON.stringify([spec?.taints, status?.volumesInUse, status?.volumesAttached]),
    )
    if (texts[0] !== texts[1]) attachedTo(node)
  }

  function attachedTo({ metadata }: KubeObject): void {
    for (const attachment of attachmentInformer.objects.list()) {
      if (attachment.spec.nodeName === metadata.name) attachmentChanged(attachment)
    }
  }

  function attachmentChanged(attachment: VolumeAttachment): void {
    for (const volume of volumeNamedBy(attachment)) queue.add(volume)
  }

  function driverChanged({ metadata }: KubeObject): void {
    for (const volume of volumeInformer.objects.list()) {
      if (volume.spec?.csi?.driver === metadata.name) queue.add(objectKey(volume))
    }
  }

  const volumeChanged = (volume: PersistentVolume) => queue.add(objectKey(volume))
  const unsubscribe = [
    podInformer.addHandlers({ onAdd: podChanged, onUpdate: podChanged, onDelete: podChanged }),
    claimInformer.addHandlers({
      onAdd: claimChanged,
      onUpdate: claimChanged,
      onDelete: claimChanged,
    }),
    volumeInformer.addHandlers({ onAdd: volumeChanged, onUpdate: volumeChanged }),
    attachmentInformer.addHandlers({
      onAdd: attachmentChanged,
      onUpdate: attachmentChanged,
      onDelete: attachmentChanged,
    }),
    drivers.addHandlers({ onAdd: driverChanged, onUpdate: driverChanged, onDelete: driverChanged }),
    nodeInformer.addHandlers({ onAdd: attachedTo, onUpdate: nodeChanged, onDelete: attachedTo }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}

const volumeNamedBy = ({ spec }: VolumeAttachment): readonly string[] => {
  const { persistentVolumeName: volume } = spec.source
  return volume === undefined ? [] : [volume]
}
