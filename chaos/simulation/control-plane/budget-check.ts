// Disruption budgets: whoever is evicted because somebody asked for it leaves enough others, where nothing else
// has befallen them for a while. What nodes and networks do to pods is not asked for, and no budget stops it.

import { labelSelectorFromObject, matchesLabels } from '../../../orchestrator/api/selectors.js'
import type { KubeObject } from '../../../orchestrator/api/object.js'
import type { Deployment } from '../../../orchestrator/api/types/apps.js'
import type { StatefulSet } from '../../../orchestrator/api/types/apps-stateful-set.js'
import type { Pod } from '../../../orchestrator/api/types/core-pod.js'
import type { PodDisruptionBudget } from '../../../orchestrator/api/types/policy-disruption-budget.js'
import { holds } from '../failure.js'
import type { ObjectChange } from './object-history.js'
import type { Check, View } from './view.js'
import { asPod, isDeleting, isPod, isReady, nameOf, podsWhere } from './view.js'

/** As long as a budget may not have heard of what befell its pods. */
const settledMs = 10_000

export class BudgetHolds implements Check {
  private readonly view: View
  /** When something else than evictions befell the pods of an app, or what is asked of it changed. */
  private readonly disturbedMs = new Map<string, number>()

  constructor(view: View) {
    this.view = view
  }

  changed(change: ObjectChange): void {
    const { resource, before, after } = change
    if (isPod(change)) this.pod(change)
    else if (
      (resource.startsWith('apps/') || resource === 'policy/poddisruptionbudgets') &&
      before?.metadata.generation !== after?.metadata.generation
    )
      this.disturbed(after ?? before)
  }

  /** Users name workloads, budgets and labels alike. */
  private disturbed(object: KubeObject | null): void {
    const { namespace = '', name = '' } = object?.metadata ?? {}
    const app = object?.kind === 'ReplicaSet' ? name.slice(0, name.lastIndexOf('-')) : name
    this.disturbedMs.set(`${namespace}/${app}`, this.view.nowMs())
  }

  private pod(change: ObjectChange): void {
    const before = asPod(change.before)
    const after = asPod(change.after)
    if (before === null || !isReady(before) || isDeleting(before)) return
    const app = `${before.metadata.namespace}/${before.metadata.labels?.['app']}`
    const leaves = after === null || isDeleting(after)
    if (!leaves && isReady(after)) return
    if (!leaves || !this.view.evicting.has(before.metadata.uid ?? '')) {
      this.disturbedMs.set(app, this.view.nowMs())
      return
    }
    const disturbedMs = this.disturbedMs.get(app) ?? Number.NEGATIVE_INFINITY
    if (this.view.quiet() && this.view.nowMs() - disturbedMs >= settledMs) this.evicted(before)
  }

  private evicted(pod: Pod): void {
    const { namespace = '', labels } = pod.metadata
    // All that is in it goes, whatever budgets say.
    if (isDeleting(this.view.history.at('core/namespaces', '', namespace))) return
    for (const object of this.view.history.of('policy/poddisruptionbudgets')) {
      const budget = object as PodDisruptionBudget
      const selector = labelSelectorFromObject(budget.spec?.selector)
      if (budget.metadata.namespace !== namespace || selector === null) continue
      if (!matchesLabels(selector, labels)) continue
      const covered = podsWhere(
        this.view,
        ({ metadata }) =>
          metadata.namespace === namespace && matchesLabels(selector, metadata.labels),
      )
      const healthy = covered.filter(one => isReady(one) && !isDeleting(one)).length
      const desired = this.desired(budget)
      this.view.mark('evicted within a budget')
      holds(
        healthy >= desired,
        'budget-holds',
        () => `${nameOf(pod)} is evicted, ${healthy} healthy ones stay, and ${desired} have to`,
      )
    }
  }

  private desired(budget: PodDisruptionBudget): number {
    const { minAvailable, maxUnavailable } = budget.spec ?? {}
    if (typeof minAvailable === 'number') return minAvailable
    const { namespace = '', name = '' } = budget.metadata
    const expected = ['apps/deployments', 'apps/statefulsets'].reduce((sum, resource) => {
      const owner = this.view.history.at(resource, namespace, name)
      return sum + ((owner as Deployment | StatefulSet | null)?.spec?.replicas ?? 0)
    }, 0)
    return Math.max(0, expected - Number(maxUnavailable ?? 0))
  }
}
