// A cluster as far as a Deployment sees it: it carries out plans, lets pods become ready when
// told, and keeps ReplicaSets' statuses as their controller would.

import type { Deployment, ReplicaSet } from '../../api/types/apps.js'
import type { Pod } from '../../api/types/core-pod.js'
import { type DeploymentPlan, planDeployment } from '../deployment/reconcile.js'
import { pod } from './objects.js'

interface ModelPod {
  readonly name: string
  ready: boolean
  readyAtMs: number
  terminating: boolean
}

export class RolloutModel {
  deployment: Deployment
  nowMs: number
  readonly events: string[] = []
  private readonly sets = new Map<string, { set: ReplicaSet; readonly pods: ModelPod[] }>()
  private serial = 0

  constructor(deployment: Deployment, nowMs: number) {
    this.deployment = deployment
    this.nowMs = nowMs
  }

  get replicaSets(): readonly ReplicaSet[] {
    return [...this.sets.values()].map(one => one.set)
  }

  /** Wanted sizes in order of creation. */
  get sizes(): readonly number[] {
    return this.replicaSets.map(set => set.spec.replicas ?? 0)
  }

  get totalPods(): number {
    return this.count(one => !one.terminating)
  }

  get availablePods(): number {
    return this.count(one => this.isAvailable(one) && !one.terminating)
  }

  change(spec: Partial<Deployment['spec']>): void {
    const { metadata } = this.deployment
    this.deployment = {
      ...this.deployment,
      metadata: { ...metadata, generation: (metadata.generation ?? 0) + 1 },
      spec: { ...this.deployment.spec, ...spec },
    }
  }

  setImage(image: string): void {
    const template = {
      ...this.deployment.spec.template,
      spec: { containers: [{ name: 'c', image }] },
    }
    this.change({ template })
  }

  /** One round of the Deployment controller. */
  reconcile(): DeploymentPlan {
    const plan = planDeployment({
      deployment: this.deployment,
      replicaSets: this.replicaSets,
      pods: () => this.pods(),
      nowMs: this.nowMs,
    })
    for (const action of plan.actions) this.perform(action)
    return plan
  }

  /** One round of the ReplicaSet controller: pods follow the wanted sizes, at once. */
  followSizes(): void {
    for (const one of this.sets.values()) {
      const active = one.pods.filter(p => !p.terminating)
      const wanted = one.set.spec.replicas ?? 0
      for (let missing = wanted - active.length; missing > 0; missing--) {
        one.pods.push({
          name: `p${this.serial++}`,
          ready: false,
          readyAtMs: 0,
          terminating: false,
        })
      }
      const victims = active.toSorted((a, b) => Number(a.ready) - Number(b.ready))
      for (const victim of victims.slice(0, Math.max(0, active.length - wanted))) {
        victim.terminating = true
      }
    }
    this.recount()
  }

  /** The pods at these places of a list of all unready ones become ready. */
  becomeReady(count: number): void {
    const unready = [...this.sets.values()].flatMap(one => one.pods).filter(p => !p.ready)
    for (const one of unready.filter(p => !p.terminating).slice(0, count)) {
      one.ready = true
      one.readyAtMs = this.nowMs
    }
    this.recount()
  }

  removeTerminated(): void {
    for (const one of this.sets.values()) {
      const kept = one.pods.filter(p => !p.terminating)
      one.pods.splice(0, one.pods.length, ...kept)
    }
  }

  private recount(): void {
    for (const one of this.sets.values()) {
      const active = one.pods.filter(p => !p.terminating)
      const readyReplicas = active.filter(p => p.ready).length
      const availableReplicas = active.filter(p => this.isAvailable(p)).length
      const observedGeneration = one.set.metadata.generation ?? 0
      const counts = { replicas: active.length, readyReplicas, availableReplicas }
      one.set = { ...one.set, status: { ...counts, observedGeneration } }
    }
  }

  private perform(action: DeploymentPlan['actions'][number]): void {
    switch (action.kind) {
      case 'create-replica-set': {
        const set = action.replicaSet
        const name = set.metadata.name ?? ''
        const created = new Date(this.nowMs + this.serial++ * 1000).toISOString()
        const metadata = {
          ...set.metadata,
          uid: `uid-${name}`,
          creationTimestamp: created,
          generation: 1,
        }
        this.sets.set(name, { set: { ...set, metadata, status: { replicas: 0 } }, pods: [] })
        break
      }
      case 'update-replica-set': {
        const known = this.sets.get(action.replicaSet.metadata.name ?? '')
        if (known) known.set = action.replicaSet
        break
      }
      case 'delete-replica-set':
        this.sets.delete(action.replicaSet.metadata.name ?? '')
        break
      case 'set-revision': {
        const annotations = {
          ...this.deployment.metadata.annotations,
          'deployment.kubernetes.io/revision': action.revision,
        }
        const metadata = { ...this.deployment.metadata, annotations }
        this.deployment = { ...this.deployment, metadata }
        break
      }
      case 'update-status':
        this.deployment = { ...this.deployment, status: action.status }
        break
      case 'event':
        this.events.push(action.message)
    }
  }

  private pods(): readonly Pod[] {
    return [...this.sets.values()].flatMap(({ set, pods }) =>
      pods.map(one => pod(one.name, { owner: set, deleting: one.terminating })),
    )
  }

  private isAvailable({ ready, readyAtMs }: ModelPod): boolean {
    const forMs = (this.deployment.spec.minReadySeconds ?? 0) * 1000
    return ready && this.nowMs - readyAtMs >= forMs
  }

  private count(which: (one: ModelPod) => boolean): number {
    return [...this.sets.values()].reduce((sum, one) => sum + one.pods.filter(which).length, 0)
  }
}
