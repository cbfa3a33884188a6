// Has a pod's volumes bound where the pod will be: volumes are promised while it is on its way, then written
// to, or their making is asked for, and the bind waits for them. Counterpart: Reserve and PreBind of plugin
// volumebinding. Who binds and makes them is the volume controllers' affair.

import type { Clock } from '../../../platform/clock.js'
import type { Node } from '../../api/types/core-node.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import { persistentVolumeClaims, persistentVolumes, splitKey } from '../../client/resources.js'
import type { ApiClient } from '../../client/rest-client.js'
import {
  boundByControllerAnnotation,
  claimConflicts,
  claimsOf,
  isFullyBound,
  type KnownClaim,
  planVolumes,
  selectedNodeAnnotation,
  type VolumePlan,
} from '../core/plugins/claims.js'
import type { Rejection } from '../core/plugin.js'
import type { VolumeObjects } from '../core/state/snapshot.js'
import { type PlacedPod, type Stage, StageFailure } from './stage.js'

/** Volumes that pods on their way have chosen, by name, each with the claim it is for. */
export class PromisedVolumes {
  private readonly claims = new Map<string, string>()

  claimOf(volumeName: string): string | undefined {
    return this.claims.get(volumeName)
  }

  promise(volumeName: string, claimKey: string): void {
    this.claims.set(volumeName, claimKey)
  }

  release(volumeName: string): void {
    this.claims.delete(volumeName)
  }
}

export interface VolumeBindingContext {
  readonly client: ApiClient
  readonly clock: Clock
  readonly volumes: VolumeObjects
  readonly promised: PromisedVolumes
  readonly nodeOf: (name: string) => Node | undefined
  /** How long a pod waits for its volumes. */
  readonly timeoutMs: number
}

interface Waiting {
  readonly placed: PlacedPod
  readonly claims: readonly KnownClaim[]
  readonly settle: (failure: StageFailure | null) => void
}

const pluginName = 'VolumeBinding'

export class VolumeBindingStage implements Stage {
  readonly name = pluginName
  private readonly context: VolumeBindingContext
  private readonly plans = new Map<string, VolumePlan>()
  private readonly waiting = new Map<string, Waiting>()

  constructor(context: VolumeBindingContext) {
    this.context = context
  }

  readonly reserve = ({ info, nodeName }: PlacedPod): Rejection | null => {
    if (info.claims.length === 0) return null
    const { volumes, promised, nodeOf } = this.context
    const claims = claimsOf(info, volumes)
    const node = nodeOf(nodeName)
    if (typeof claims === 'string' || !node) {
      return rejection(typeof claims === 'string' ? claims : claimConflicts.none)
    }
    const plan = planVolumes(claims, node, volumes)
    if (typeof plan === 'string') return rejection(plan)
    for (const { claim, volume } of plan.bindings) {
      promised.promise(volume.metadata.name ?? '', claim.key)
    }
    this.plans.set(info.uid, plan)
    return null
  }

  readonly unreserve = ({ info: { uid } }: PlacedPod): void => {
    for (const { volume } of this.plans.get(uid)?.bindings ?? []) {
      this.context.promised.release(volume.metadata.name ?? '')
    }
    this.plans.delete(uid)
  }

  /** What was promised is written by now. */
  readonly postBind = (placed: PlacedPod): void => this.unreserve(placed)

  readonly preBind = async (placed: PlacedPod): Promise<void> => {
    const plan = this.plans.get(placed.info.uid)
    if (!plan || plan.bindings.length + plan.provisioned.length === 0) return
    for (const { claim, volume } of plan.bindings) await this.claimVolume(claim, volume)
    for (const claim of plan.provisioned) await this.selectNode(claim, placed.nodeName)
    await this.whenBound(placed, plan)
  }

  /** Claims or volumes have changed. */
  check(): void {
    for (const waiting of this.waiting.values()) this.checkOne(waiting)
  }

  /** Nobody waits for these volumes any more. */
  abandon(uid: string): void {
    this.waiting.get(uid)?.settle(new StageFailure(pluginName, 'the pod is going away'))
  }

  stop(): void {
    for (const uid of this.waiting.keys()) this.abandon(uid)
  }

  private async claimVolume(
    { claim }: KnownClaim,
    { metadata, spec }: PersistentVolume,
  ): Promise<void> {
    if (spec?.claimRef?.uid === claim.metadata.uid) return
    const { namespace = '', name = '', uid = '', resourceVersion = '' } = claim.metadata
    const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid }
    await this.context.client.patch(persistentVolumes, { name: metadata.name ?? '' }, 'merge', {
      metadata: {
        // Refused when somebody else has taken it meanwhile.
        resourceVersion: metadata.resourceVersion,
        annotations: { [boundByControllerAnnotation]: 'yes' },
      },
      spec: { claimRef: { ...claimRef, resourceVersion } },
    })
  }

  private async selectNode({ key, claim }: KnownClaim, nodeName: string): Promise<void> {
    const { resourceVersion } = claim.metadata
    const annotations = { [selectedNodeAnnotation]: nodeName }
    await this.context.client.patch(persistentVolumeClaims, splitKey(key), 'merge', {
      metadata: { resourceVersion, annotations },
    })
  }

  private whenBound(placed: PlacedPod, plan: VolumePlan): Promise<void> {
    const { clock, timeoutMs } = this.context
    const claims = [...plan.bindings.map(({ claim }) => claim), ...plan.provisioned]
    const { uid } = placed.info
    return new Promise((resolve, reject) => {
      const settle = (failure: StageFailure | null) => {
        timer.cancel()
        this.waiting.delete(uid)
        if (failure) reject(failure)
        else resolve()
      }
      const timer = clock.setTimer(timeoutMs, () =>
        settle(
          new StageFailure(pluginName, 'binding volumes: timed out waiting for the condition'),
        ),
      )
      const waiting = { placed, claims, settle }
      this.waiting.set(uid, waiting)
      this.checkOne(waiting)
    })
  }

  private checkOne({ placed, claims, settle }: Waiting): void {
    const now = claims.map(known => ({ known, claim: this.context.volumes.claim(known.key) }))
    if (now.every(({ claim }) => claim !== undefined && isFullyBound(claim))) {
      settle(null)
      return
    }
    for (const { known, claim } of now) {
      const { name = '' } = known.claim.metadata
      if (!claim || claim.metadata.uid !== known.claim.metadata.uid) {
        settle(new StageFailure(pluginName, `persistentvolumeclaim "${name}" not found`))
        return
      }
      if (this.wasGivenUp(known, claim, placed)) {
        const text = `binding volumes: selectedNode annotation reset for PVC "${name}"`
        settle(new StageFailure(pluginName, text))
        return
      }
    }
  }

  /** Whoever makes volumes takes the annotation away where none can be made for that node. */
  private wasGivenUp(known: KnownClaim, claim: PersistentVolumeClaim, placed: PlacedPod): boolean {
    const plan = this.plans.get(placed.info.uid)
    if (!plan?.provisioned.includes(known) || isFullyBound(claim)) return false
    // Not before our own write has come back.
    if (!isNewer(claim, known.claim)) return false
    return claim.metadata.annotations?.[selectedNodeAnnotation] !== placed.nodeName
  }
}

const isNewer = (claim: PersistentVolumeClaim, old: PersistentVolumeClaim) =>
  claim.metadata.resourceVersion !== old.metadata.resourceVersion

const rejection = (reason: string): Rejection => ({
  plugin: pluginName,
  reasons: [reason],
  helpedByPreemption: false,
})
