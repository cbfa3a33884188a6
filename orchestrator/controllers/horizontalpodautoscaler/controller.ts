// The autoscaler's shell: each one is looked at regularly, its metrics are read, and the scale of its target is written.
// Counterpart: pkg/controller/podautoscaler.

import { type LabelSelector, matchesLabels, parseLabelSelector } from '../../api/selectors.js'
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
} from '../../api/types/autoscaling-v2.js'
import type { Scale } from '../../api/types/autoscaling.js'
import type { Pod } from '../../api/types/core-pod.js'
import { ApiError, isNotFound } from '../../client/api-error.js'
import { byNamespace, namespaceIndex } from '../../client/object-store.js'
import {
  horizontalPodAutoscalers,
  objectKey,
  pods,
  type Resource,
  splitKey,
} from '../../client/resources.js'
import { sameJson } from '../canonical-json.js'
import {
  type Controller,
  type ControllerContext,
  errorText,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { KindNames } from '../kind-names.js'
import { WrittenVersions } from '../written-versions.js'
import { type History, noHistory, withChange } from './behavior.js'
import { MetricSources } from './metric-sources.js'
import type { AutoscalerEvent, TargetScale } from './reconcile.js'
import { afterRescale, needsReadings, planAutoscaler } from './reconcile.js'

export interface AutoscalerOptions {
  /** Between two looks at one autoscaler. */
  readonly syncMs: number
}

const notShownYetMs = 100
/** What is wrong is wrong at every look: it is told as often as so, and whenever it is something else. */
const repeatMs = 300_000

interface Target {
  readonly resource: Resource
  readonly scale: Scale
}

export function startHorizontalPodAutoscaler(
  context: ControllerContext,
  { syncMs }: AutoscalerOptions,
): Controller {
  const { client, informers, clock } = context
  const autoscalers = informers.of(horizontalPodAutoscalers)
  const podInformer = informers.of(pods)
  podInformer.addIndex(namespaceIndex, byNamespace)
  const recorder = recorderOf(context, 'horizontal-pod-autoscaler')
  const kinds = new KindNames(client)
  const sources = new MetricSources(client, kinds)
  const written = new WrittenVersions()
  const histories = new Map<string, History>()
  /** By autoscaler: what was told of it lately, and when. */
  const complaints = new Map<string, ReadonlyMap<string, number>>()
  /** By autoscaler: which pods its target has, as of its last look. */
  const selectors = new Map<string, LabelSelector>()
  const { queue, start } = reconcilerQueue(context, {
    name: 'horizontalpodautoscaler',
    concurrency: 4,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const autoscaler = autoscalers.objects.get(key)
    if (autoscaler === undefined) {
      histories.delete(key)
      complaints.delete(key)
      selectors.delete(key)
      written.forget(key)
      return
    }
    if (!written.shownBy(autoscalers, key)) {
      queue.addAfter(key, notShownYetMs)
      return
    }
    // Whatever becomes of this look, there is a next one.
    queue.addAfter(key, syncMs)
    const target = await targetOf(autoscaler)
    const scale = typeof target === 'string' ? target : scaleOf(target.scale)
    const selector = typeof target === 'string' ? null : selectorOf(target.scale)
    if (selector !== null) selectors.set(key, selector)
    else selectors.delete(key)
    const readings = await readingsOf(autoscaler, scale)
    const selected = selector === null ? [] : podsOf(autoscaler, selector)
    const nowMs = clock.wallMs()
    const plan = planAutoscaler({
      autoscaler,
      scale,
      readings,
      pods: selected,
      rivals: rivalsOf(key, autoscaler, selected),
      history: histories.get(key) ?? noHistory,
      nowMs,
    })
    complain(key, autoscaler, plan.events)
    histories.set(key, plan.history)
    let { status } = plan
    if (plan.rescale !== null && typeof target !== 'string') {
      const error = await rescale(target, plan.rescale.replicas)
      const after = afterRescale(plan, plan.rescale, error, nowMs)
      status = after.status
      recorder.record(autoscaler, after.event.type, after.event.reason, after.event.message)
      if (error === null) {
        const from = target.scale.spec?.replicas ?? 0
        histories.set(key, withChange(plan.history, from, plan.rescale.replicas, nowMs))
      }
    }
    await writeStatus(key, autoscaler, status)
  }

  /** A text: why it cannot be had. */
  async function targetOf({ metadata, spec }: HorizontalPodAutoscaler): Promise<Target | string> {
    const { apiVersion = 'v1', kind, name } = spec.scaleTargetRef
    const { namespace = '' } = metadata
    try {
      const resource = await kinds.find(apiVersion, kind)
      if (resource === null) return `no matches for kind "${kind}" in version "${apiVersion}"`
      if (!resource.scalable) return `${resource.plural} have no scale`
      return { resource, scale: await client.getScale(resource, { namespace, name }) }
    } catch (error) {
      // A server that says nothing is asked again; one that says no has said why.
      if (error instanceof ApiError) return error.message
      throw error
    }
  }

  async function readingsOf(autoscaler: HorizontalPodAutoscaler, scale: TargetScale | string) {
    if (typeof scale === 'string' || !needsReadings(autoscaler, scale)) return []
    const { namespace = '' } = autoscaler.metadata
    const metrics = autoscaler.spec.metrics ?? []
    return Promise.all(metrics.map(metric => sources.read(metric, namespace, scale.selector)))
  }

  function podsOf({ metadata }: HorizontalPodAutoscaler, selector: LabelSelector): readonly Pod[] {
    return podInformer.objects
      .byIndex(namespaceIndex, metadata.namespace ?? '')
      .filter(pod => matchesLabels(selector, pod.metadata.labels))
  }

  /** All who have one of its pods, or nobody where it has them alone. */
  function rivalsOf(
    key: string,
    { metadata }: HorizontalPodAutoscaler,
    selected: readonly Pod[],
  ): readonly string[] {
    const others = [...selectors].flatMap(([other, selector]) => {
      const near = other !== key && splitKey(other).namespace === metadata.namespace
      const shared = near && selected.some(pod => matchesLabels(selector, pod.metadata.labels))
      return shared ? [other] : []
    })
    return others.length === 0 ? [] : [key, ...others].sort()
  }

  /** Null when it is done, else why not. */
  async function rescale({ resource, scale }: Target, replicas: number): Promise<string | null> {
    try {
      await client.updateScale(resource, { ...scale, spec: { ...scale.spec, replicas } })
      return null
    } catch (error) {
      if (error instanceof ApiError) return errorText(error)
      throw error
    }
  }

  async function writeStatus(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    status: HorizontalPodAutoscalerStatus,
  ): Promise<void> {
    if (sameJson(status, autoscaler.status)) return
    try {
      const next = { ...autoscaler, status }
      written.note(key, await client.updateStatus(horizontalPodAutoscalers, next))
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  function complain(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    events: readonly AutoscalerEvent[],
  ): void {
    const nowMs = clock.monotonicMs()
    const before = complaints.get(key)
    const told = new Map<string, number>()
    for (const { type, reason, message } of events) {
      const text = `${reason} ${message}`
      const atMs = before?.get(text)
      const isNews = atMs === undefined || nowMs - atMs >= repeatMs
      if (isNews) recorder.record(autoscaler, type, reason, message)
      told.set(text, isNews ? nowMs : atMs)
    }
    complaints.set(key, told)
  }

  const unsubscribe = [
    autoscalers.addHandlers({
      // A first look before anything could be measured would only complain.
      onAdd: autoscaler => queue.addAfter(objectKey(autoscaler), syncMs),
      onDelete: autoscaler => queue.add(objectKey(autoscaler)),
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}

function scaleOf({ spec, status }: Scale): TargetScale {
  return {
    selectorProblem: problemOf(status?.selector ?? ''),
    replicas: spec?.replicas ?? 0,
    statusReplicas: status?.replicas ?? 0,
    selector: status?.selector ?? '',
  }
}

/** A selector of a kind of users may be any text. Null for none, or one that cannot be read. */
function selectorOf({ status }: Scale): LabelSelector | null {
  const { selector = '' } = status ?? {}
  return selector === '' || problemOf(selector) !== null ? null : parseLabelSelector(selector)
}

function problemOf(selector: string): string | null {
  try {
    parseLabelSelector(selector)
    return null
  } catch (error) {
    return errorText(error)
  }
}
