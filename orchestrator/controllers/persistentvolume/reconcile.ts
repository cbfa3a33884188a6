// One round for a claim: which volume it gets, and what of its binding is still to be written. Pure. Counterpart:
// syncClaim of pkg/controller/volume/persistentvolume. The order of the writes makes it safe: the volume names its claim
// (one writer of many wins there), then the claim names its volume.
//
//   volume.claimRef ──> volume Bound ──> claim.volumeName, bind-completed ──> claim Bound

import type { Node } from '../../api/types/core-node.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import type { StorageClass } from '../../api/types/storage-class.js'
import { localProvisioner } from '../../api/local-volume.js'
import { sameJson } from '../canonical-json.js'
import { isDeleting } from '../ownership.js'
import {
  bindCompleted,
  boundByController,
  classOf,
  isMarked,
  isMeantFor,
  marked,
  namesNoClass,
  provisionerMarks,
  selectedNode,
  unmarked,
  waitsForConsumer,
} from './binding.js'
import { localVolume } from './local-provisioner.js'
import { bestVolume, mismatch } from './matching.js'
import { type BinderPlan, doing, event, nothing, type Step, telling } from './plan.js'
import { phaseStep } from './volume-phase.js'

/** The pods that want a claim, as far as they matter for where its volume is to be. */
export interface Consumers {
  /** The node of one that is on a node already, though no scheduler has told which: it chose itself. */
  readonly nodeName: string | null
  /** Names of those that no node was found for yet. */
  readonly waiting: readonly string[]
}

export interface ClaimInput {
  readonly claim: PersistentVolumeClaim
  readonly volumes: readonly PersistentVolume[]
  readonly volumeNamed: (name: string) => PersistentVolume | null
  /** Null where there is none of the name. */
  readonly classNamed: (name: string) => StorageClass | null
  /** Of the class for those who name none. */
  readonly defaultClass: string | null
  readonly consumers: Consumers
  readonly nodeNamed: (name: string) => Node | null
  /** RFC 3339. */
  readonly now: string
}

export function planClaim(input: ClaimInput): BinderPlan {
  const { claim } = input
  if (isMarked(claim, bindCompleted)) return planBound(input)
  // What is going gets nothing more; what its volume has of it is undone once it is gone.
  if (isDeleting(claim)) return nothing
  return (claim.spec?.volumeName ?? '') === '' ? planUnbound(input) : planNamed(input)
}

/** Any volume will do. */
function planUnbound(input: ClaimInput): BinderPlan {
  const { claim, volumes, consumers, nodeNamed } = input
  const storageClass = input.classNamed(classOf(claim))
  const delayed = waitsForConsumer(storageClass)
  // Where the scheduler has chosen a node it also chooses among what is there, and reserves it.
  const own = claim.metadata.annotations?.[selectedNode] === undefined ? consumers.nodeName : null
  const node = delayed && own !== null ? nodeNamed(own) : null
  const volume = bestVolume(claim, volumes, { node, reservedOnly: delayed && node === null })
  if (volume !== null) return planBinding(input, volume)
  const { defaultClass } = input
  if (defaultClass !== null && namesNoClass(claim)) {
    const spec = { ...claim.spec, storageClassName: defaultClass }
    return doing({ kind: 'update-claim', claim: { ...claim, spec } })
  }
  const nodeName = claim.metadata.annotations?.[selectedNode] ?? own
  if (delayed && nodeName === null) return pending(claim, waiting(claim, consumers))
  if (classOf(claim) === '') {
    const text = 'no persistent volumes available for this claim and no storage class is set'
    return pending(claim, telling(event(claim, 'Normal', 'FailedBinding', text)))
  }
  return pending(claim, planProvisioning(input, storageClass, nodeName))
}

function waiting(claim: PersistentVolumeClaim, { waiting: pods }: Consumers): BinderPlan {
  if (pods.length > 0) {
    const text = `waiting for pod ${pods.join(',')} to be scheduled`
    return telling(event(claim, 'Normal', 'WaitForPodScheduled', text))
  }
  const text = 'waiting for first consumer to be created before binding'
  return telling(event(claim, 'Normal', 'WaitForFirstConsumer', text))
}

/** The user names the volume. */
function planNamed(input: ClaimInput): BinderPlan {
  const { claim } = input
  const volume = input.volumeNamed(claim.spec?.volumeName ?? '')
  if (volume === null) return pending(claim, nothing)
  const { name } = volume.metadata
  if (volume.spec?.claimRef === undefined) {
    const why = mismatch(volume, claim)
    if (why === null) return planBinding(input, volume)
    const text = `Cannot bind to requested volume "${name}": ${why}`
    return pending(claim, telling(event(claim, 'Warning', 'VolumeMismatch', text)))
  }
  if (isMeantFor(volume, claim)) return planBinding(input, volume)
  const text = `volume "${name}" already bound to a different claim.`
  return pending(claim, telling(event(claim, 'Warning', 'FailedBinding', text)))
}

/** Was bound once: it is complete, or its volume is lost. */
function planBound(input: ClaimInput): BinderPlan {
  const { claim } = input
  const name = claim.spec?.volumeName ?? ''
  if (name === '') {
    const text = 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!'
    return lost(claim, 'ClaimLost', text)
  }
  const volume = input.volumeNamed(name)
  if (volume === null) {
    const text = 'Bound claim has lost its PersistentVolume. Data on the volume is lost!'
    return lost(claim, 'ClaimLost', text)
  }
  const ref = volume.spec?.claimRef
  if (ref !== undefined && ref.uid !== claim.metadata.uid) {
    const text = 'Two claims are bound to the same volume, this one is bound incorrectly'
    return lost(claim, 'ClaimMisbound', text)
  }
  return planBinding(input, volume)
}

function lost(claim: PersistentVolumeClaim, reason: string, text: string): BinderPlan {
  const step = withoutVolume(claim, 'Lost')
  return step === null ? nothing : doing(step, event(claim, 'Warning', reason, text))
}

/** First the phase, then what is to be done about it. */
function pending(claim: PersistentVolumeClaim, then: BinderPlan): BinderPlan {
  const step = withoutVolume(claim, 'Pending')
  return step === null ? then : doing(step)
}

function withoutVolume(claim: PersistentVolumeClaim, phase: 'Pending' | 'Lost'): Step | null {
  const { accessModes: _modes, capacity: _capacity, ...rest } = claim.status ?? {}
  const status = { ...rest, phase }
  return sameJson(status, claim.status)
    ? null
    : { kind: 'claim-status', claim: { ...claim, status } }
}

/** The first of the four writes that is missing. */
function planBinding({ claim, now }: ClaimInput, volume: PersistentVolume): BinderPlan {
  const { namespace = '', name = '', uid = '' } = claim.metadata
  const ref = volume.spec?.claimRef
  if (ref?.uid !== uid) {
    const { resourceVersion = '' } = claim.metadata
    const claimRef = {
      ...ref,
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      namespace,
      name,
      uid,
      resourceVersion,
    }
    const taken = { ...volume, spec: { ...volume.spec, claimRef } }
    const ours = ref === undefined ? marked(taken, { [boundByController]: 'yes' }) : taken
    return doing({ kind: 'update-volume', volume: ours })
  }
  const phase = phaseStep(volume, 'Bound', now)
  if (phase !== null) return doing(phase)
  const volumeName = volume.metadata.name ?? ''
  const named = claim.spec?.volumeName ?? ''
  if (named === '' || !isMarked(claim, bindCompleted)) {
    const whose: Readonly<Record<string, string>> =
      named === '' ? { [boundByController]: 'yes' } : {}
    const bound = marked(claim, { ...whose, [bindCompleted]: 'yes' })
    return doing({ kind: 'update-claim', claim: { ...bound, spec: { ...claim.spec, volumeName } } })
  }
  return boundStatus(claim, volume)
}

/** The size is that of the volume when they meet; from then on whoever makes it larger says so. */
function boundStatus(claim: PersistentVolumeClaim, volume: PersistentVolume): BinderPlan {
  const before = claim.status ?? {}
  const { accessModes, capacity, volumeAttributesClassName } = volume.spec ?? {}
  const met = before.phase === 'Bound'
  const status = {
    ...before,
    phase: 'Bound',
    ...(accessModes === undefined ? {} : { accessModes }),
    ...(met || capacity === undefined ? {} : { capacity }),
    ...(met || volumeAttributesClassName === undefined
      ? {}
      : { currentVolumeAttributesClassName: volumeAttributesClassName }),
  }
  return sameJson(status, before)
    ? nothing
    : doing({ kind: 'claim-status', claim: { ...claim, status } })
}

/** No volume is there: one is made, or asked for. */
function planProvisioning(
  input: ClaimInput,
  storageClass: StorageClass | null,
  nodeName: string | null,
): BinderPlan {
  const { claim } = input
  const fail = (text: string) => event(claim, 'Warning', 'ProvisioningFailed', text)
  if (storageClass === null) {
    return telling(fail(`storageclass.storage.k8s.io "${classOf(claim)}" not found`))
  }
  const { provisioner } = storageClass
  if (provisioner.startsWith('kubernetes.io/')) {
    return telling(fail(`no volume plugin matched name: ${provisioner}`))
  }
  const asked = Object.fromEntries(provisionerMarks.map(mark => [mark, provisioner]))
  const told = provisionerMarks.every(mark => claim.metadata.annotations?.[mark] === provisioner)
  if (!told) return doing({ kind: 'update-claim', claim: marked(claim, asked) })
  if (provisioner !== localProvisioner) {
    const text =
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' or ` +
      'manually by the system administrator. If volume creation is delayed, please verify that the ' +
      'provisioner is running and correctly registered.'
    return telling(event(claim, 'Normal', 'ExternalProvisioning', text))
  }
  if (claim.spec?.selector !== undefined) {
    return telling(fail('claim.spec.selector is not supported for dynamic provisioning'))
  }
  const node = nodeName === null ? null : input.nodeNamed(nodeName)
  const made = localVolume(claim, storageClass, nodeName, node)
  if (made.kind === 'volume') {
    const { volume } = made
    const text = `Successfully provisioned volume ${volume.metadata.name} using ${provisioner}`
    const news = event(claim, 'Normal', 'ProvisioningSucceeded', text)
    return doing({ kind: 'create-volume', volume }, news)
  }
  const failure = fail(
    `failed to provision volume with StorageClass "${classOf(claim)}": ${made.message}`,
  )
  if (!made.elsewhere || !isMarked(claim, selectedNode)) return telling(failure)
  // The scheduler is asked once more: another node may do.
  return doing({ kind: 'update-claim', claim: unmarked(claim, selectedNode) }, failure)
}
