// The binder's shell: claims and volumes in, one write after another out. Counterpart:
// pkg/controller/volume/persistentvolume. Each write is refused by the server where somebody was faster; then the round is
// repeated on what is there by then.

import { InvariantViolation, unreachable } from '../../../platform/errors.js'
import { defaultClass, isDefaultStorageClass } from '../../api/kinds/default-class.js'
import type { KubeObject } from '../../api/object.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { StorageClass } from '../../api/types/storage-class.js'
import { isAlreadyExists, isConflict, isNotFound } from '../../client/api-error.js'
import {
  keyOf,
  nodes,
  objectKey,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '../../client/resources.js'
import { formatTime } from '../../client/timestamps.js'
import { nodeLabel } from '../../api/local-volume.js'
import {
  type Controller,
  type ControllerContext,
  errorText,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { isPodActive } from '../pod-state.js'
import { byMountedClaim, mountedClaimIndex } from '../storageprotection/reconcile.js'
import { classOf } from './binding.js'
import type { BinderPlan, Step } from './plan.js'
import { type Consumers, planClaim } from './reconcile.js'
import { recycledBy, recyclerNameOf, recyclerNamespace } from './recycler.js'
import { planVolume } from './volume-reconcile.js'
import { WrittenObjects } from './written-objects.js'

/** A claim takes four writes, or six where its volume is made; a round that does not end is a mistake of ours. */
const stepsMax = 16
/** By "namespace/name" of the claim that a volume names. */
const claimIndex = 'claim'

const claimKey = (key: string): string => `claim ${key}`
const volumeKey = (key: string): string => `volume ${key}`

export function startPersistentVolumeBinder(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const claimInformer = informers.of(persistentVolumeClaims)
  const volumeInformer = informers.of(persistentVolumes)
  const classes = informers.of(storageClasses)
  const podInformer = informers.of(pods)
  const nodeInformer = informers.of(nodes)
  podInformer.addIndex(mountedClaimIndex, byMountedClaim)
  volumeInformer.addIndex(claimIndex, volume => claimNamedBy(volume) ?? [])
  const claims = new WrittenObjects(claimInformer)
  const volumes = new WrittenObjects(volumeInformer)
  /** By volume: the claim that is about to take it. Two would be told apart by the server, and one be turned away. */
  const taking = new Map<string, string>()
  const recorder = recorderOf(context, 'persistentvolume-controller')
  const { queue, start } = reconcilerQueue(context, {
    name: 'persistentvolume-binder',
    concurrency: 8,
    reconcile,
  })

  async function reconcile(queued: string): Promise<void> {
    const [what = '', key = ''] = queued.split(' ')
    for (let steps = 0; steps < stepsMax; steps++) {
      const plan = what === 'claim' ? claimPlan(key) : await volumePlan(key)
      if (plan === null) return
      const goesOn = plan.step !== null && (await take(queued, plan.step))
      for (const { about, type, reason, message } of plan.events) {
        recorder.record(about, type, reason, message)
      }
      if (!goesOn) return
    }
    throw new InvariantViolation(`${queued} is not bound after ${stepsMax} writes`)
  }

  function claimPlan(key: string): BinderPlan | null {
    const claim = claims.get(key)
    if (claim === undefined) return null
    return planClaim({
      claim,
      volumes: volumes.list().filter(volume => isOpenTo(claimKey(key), volume)),
      volumeNamed: name => volumes.get(name) ?? null,
      classNamed: name => classes.objects.get(name) ?? null,
      defaultClass:
        defaultClass(classes.objects.list(), isDefaultStorageClass)?.metadata.name ?? null,
      consumers: consumersOf(key),
      nodeNamed: name => nodeInformer.objects.get(name) ?? null,
      now: formatTime(clock.wallMs()),
    })
  }

  async function volumePlan(key: string): Promise<BinderPlan | null> {
    const volume = volumes.get(key)
    if (volume === undefined) return null
    const claim = await claimOf(volume)
    // The claim's own round takes it from here.
    if (claim !== null && (claim.spec?.volumeName ?? '') === '')
      queue.add(claimKey(objectKey(claim)))
    const node = volume.metadata.labels?.[nodeLabel]
    return planVolume({
      volume,
      claim,
      recycler: podInformer.objects.get(keyOf(recyclerNamespace, recyclerNameOf(volume))) ?? null,
      nodeGone: node !== undefined && nodeInformer.objects.get(node) === undefined,
      now: formatTime(clock.wallMs()),
    })
  }

  /** Data are at stake where it is gone, so then the server is asked and not our copy. */
  async function claimOf({ spec }: PersistentVolume): Promise<PersistentVolumeClaim | null> {
    const { namespace = '', name = '', uid = '' } = spec?.claimRef ?? {}
    if (uid === '' || name === '') return null
    const known = claims.get(keyOf(namespace, name))
    if (known?.metadata.uid === uid) return known
    try {
      const found = await client.get(persistentVolumeClaims, { namespace, name })
      return found.metadata.uid === uid ? found : null
    } catch (error) {
      if (isNotFound(error)) return null
      throw error
    }
  }

  function consumersOf(key: string): Consumers {
    const users = podInformer.objects.byIndex(mountedClaimIndex, key).filter(isPodActive)
    const placed = users.find(({ spec }) => (spec.nodeName ?? '') !== '')
    return {
      nodeName: placed?.spec.nodeName ?? null,
      waiting: users.map(({ metadata }) => metadata.name ?? '').sort(),
    }
  }

  const isOpenTo = (claim: string, { metadata }: PersistentVolume): boolean =>
    (taking.get(metadata.name ?? '') ?? claim) === claim

  /** Others leave alone what one is about to take. */
  async function take(queued: string, step: Step): Promise<boolean> {
    if (step.kind !== 'update-volume' || !queued.startsWith('claim ')) return perform(step)
    const { name = '' } = step.volume.metadata
    taking.set(name, queued)
    try {
      return await perform(step)
    } finally {
      taking.delete(name)
    }
  }

  /** False where our copies will tell when it is time for more. */
  async function perform(step: Step): Promise<boolean> {
    switch (step.kind) {
      case 'update-claim':
        return written(claims, step.claim, client.update(persistentVolumeClaims, step.claim))
      case 'claim-status':
        return written(claims, step.claim, client.updateStatus(persistentVolumeClaims, step.claim))
      case 'update-volume':
        return written(volumes, step.volume, client.update(persistentVolumes, step.volume))
      case 'volume-status':
        return written(volumes, step.volume, client.updateStatus(persistentVolumes, step.volume))
      case 'create-volume':
        await createVolume(step.volume)
        return true
      case 'delete-volume': {
        const { name = '', uid = '' } = step.volume.metadata
        await client.delete(persistentVolumes, { name }, { uid }).catch(unlessGone)
        return false
      }
      case 'create-pod':
        await createPod(step.pod)
        return false
      case 'delete-pod': {
        const { namespace = '', name = '', uid = '' } = step.pod.metadata
        await client.delete(pods, { namespace, name }, { uid }).catch(unlessGone)
        return false
      }
      default:
        return unreachable(step)
    }
  }

  /** What failed is planned again on what the server says by then; what is gone, when our copy shows that. */
  async function written<T extends KubeObject>(
    objects: WrittenObjects<T>,
    planned: T,
    answer: Promise<T>,
  ): Promise<boolean> {
    try {
      objects.note(await answer)
      return true
    } catch (error) {
      objects.forget(objectKey(planned))
      if (!isNotFound(error)) throw error
      return false
    }
  }

  async function createVolume(volume: PersistentVolume): Promise<void> {
    try {
      volumes.note(await client.create(persistentVolumes, volume))
    } catch (error) {
      if (isAlreadyExists(error)) {
        // Made by an earlier round whose answer was lost: the name is the claim's alone.
        volumes.note(await client.get(persistentVolumes, { name: volume.metadata.name ?? '' }))
        return
      }
      const claim = claims.get(claimNamedBy(volume)?.[0] ?? '')
      const text = `failed to create the volume: ${errorText(error)}`
      if (claim !== undefined) recorder.record(claim, 'Warning', 'ProvisioningFailed', text)
      throw error
    }
  }

  async function createPod(pod: Pod): Promise<void> {
    await client.create(pods, pod).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error
    })
  }

  function unlessGone(error: unknown): void {
    if (!isNotFound(error) && !isConflict(error)) throw error
  }

  function claimChanged(claim: PersistentVolumeClaim): void {
    queue.add(claimKey(objectKey(claim)))
    const { volumeName = '' } = claim.spec ?? {}
    if (volumeName !== '') queue.add(volumeKey(volumeName))
  }

  /** Its volume may be another than the one it names, as one that was made for it in vain. */
  function claimGone(claim: PersistentVolumeClaim): void {
    for (const volume of volumeInformer.objects.byIndex(claimIndex, objectKey(claim))) {
      queue.add(volumeKey(objectKey(volume)))
    }
  }

  function volumeChanged(volume: PersistentVolume): void {
    queue.add(volumeKey(objectKey(volume)))
    const [claim] = claimNamedBy(volume) ?? []
    if (claim !== undefined) queue.add(claimKey(claim))
    else if (volume.status?.phase === 'Available') offerTo(one => classOf(one) === classOf(volume))
  }

  function volumeGone(volume: PersistentVolume): void {
    const [claim] = claimNamedBy(volume) ?? []
    if (claim !== undefined) queue.add(claimKey(claim))
  }

  /** Claims that have no volume yet. */
  function offerTo(isMeant: (claim: PersistentVolumeClaim) => boolean): void {
    for (const claim of claimInformer.objects.list()) {
      if (claim.status?.phase === 'Pending' && isMeant(claim)) queue.add(claimKey(objectKey(claim)))
    }
  }

  function classChanged(storageClass: StorageClass): void {
    const { name } = storageClass.metadata
    offerTo(claim => classOf(claim) === name || classOf(claim) === '')
  }

  function podChanged(pod: Pod): void {
    for (const key of byMountedClaim(pod)) {
      if (claimInformer.objects.get(key)?.status?.phase !== 'Bound') queue.add(claimKey(key))
    }
    const recycled = recycledBy(pod)
    if (recycled !== null) queue.add(volumeKey(recycled))
  }

  function nodeGone({ metadata }: KubeObject): void {
    for (const volume of volumeInformer.objects.list()) {
      if (volume.metadata.labels?.[nodeLabel] === metadata.name) {
        queue.add(volumeKey(objectKey(volume)))
      }
    }
  }

  const unsubscribe = [
    claimInformer.addHandlers({
      onAdd: claimChanged,
      onUpdate: claimChanged,
      onDelete: claimGone,
    }),
    volumeInformer.addHandlers({
      onAdd: volumeChanged,
      onUpdate: volumeChanged,
      onDelete: volumeGone,
    }),
    classes.addHandlers({ onAdd: classChanged, onUpdate: classChanged }),
    podInformer.addHandlers({ onAdd: podChanged, onUpdate: podChanged, onDelete: podChanged }),
    nodeInformer.addHandlers({ onDelete: nodeGone }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}

/** Its key, in a list for an index; null where it names none. */
function claimNamedBy({ spec }: PersistentVolume): readonly [string] | null {
  const { namespace = '', name = '' } = spec?.claimRef ?? {}
  return name === '' ? null : [keyOf(namespace, name)]
}
