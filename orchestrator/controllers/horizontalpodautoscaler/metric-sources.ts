// Asks the metrics APIs what an autoscaler wants to know: ours for the usage of pods, and those that others bring.
// Counterpart: pkg/controller/podautoscaler/metrics.

import { formatLabelSelector, labelSelectorFromObject } from '../../api/selectors.js'
import type { MetricIdentifier, MetricSpec } from '../../api/types/autoscaling-v2.js'
import type { PodMetrics } from '../../api/types/metrics.js'
import { ApiError } from '../../client/api-error.js'
import type { ApiClient } from '../../client/rest-client.js'
import { TransportError } from '../../client/transport.js'
import { errorText } from '../context.js'
import type { KindNames } from '../kind-names.js'
import {
  type ExternalMetricValue,
  externalReading,
  type MetricValue,
  objectReading,
  podsReading,
  resourceReading,
} from './metric-answers.js'
import type { Reading } from './readings.js'

interface Answer<T> {
  readonly items?: readonly T[]
}

const customGroup = '/apis/custom.metrics.k8s.io'

export class MetricSources {
  private readonly client: ApiClient
  private readonly kinds: KindNames

  constructor(client: ApiClient, kinds: KindNames) {
    this.client = client
    this.kinds = kinds
  }

  /** What cannot be had is an answer too. `selector` is that of the target, as text. */
  async read(metric: MetricSpec, namespace: string, selector: string): Promise<Reading> {
    const api = apis[metric.type] ?? 'metrics API'
    try {
      return await this.ask(metric, namespace, selector)
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof TransportError)) throw error
      const message = `unable to fetch metrics from ${api}: ${errorText(error)}`
      return { kind: 'unknown', message }
    }
  }

  private async ask(metric: MetricSpec, namespace: string, selector: string): Promise<Reading> {
    const { resource, containerResource, pods, object, external } = metric
    if (resource !== undefined) {
      return resourceReading(await this.usage(namespace, selector), resource.name, null)
    }
    if (containerResource !== undefined) {
      const { name, container } = containerResource
      return resourceReading(await this.usage(namespace, selector), name, container)
    }
    if (pods !== undefined) {
      const query = queryOf({ labelSelector: selector, metricLabelSelector: textOf(pods.metric) })
      const path = `namespaces/${namespace}/pods/*/${encodeURIComponent(pods.metric.name)}${query}`
      return podsReading(await this.custom(path))
    }
    if (object !== undefined) return this.ofObject(object, namespace)
    if (external !== undefined) {
      const query = queryOf({ labelSelector: textOf(external.metric) })
      const name = encodeURIComponent(external.metric.name)
      const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${name}${query}`
      const { items = [] } = await this.client.getJson<Answer<ExternalMetricValue>>(path)
      return externalReading(items)
    }
    return { kind: 'unknown', message: `unknown metric source type "${metric.type}"` }
  }

  private async usage(namespace: string, selector: string): Promise<readonly PodMetrics[]> {
    const query = queryOf({ labelSelector: selector })
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods${query}`
    return (await this.client.getJson<Answer<PodMetrics>>(path)).items ?? []
  }

  private async ofObject(
    { describedObject, metric }: NonNullable<MetricSpec['object']>,
    namespace: string,
  ): Promise<Reading> {
    const { apiVersion = 'v1', kind, name } = describedObject
    const metricName = encodeURIComponent(metric.name)
    const query = queryOf({ metricLabelSelector: textOf(metric) })
    // A namespace is asked about itself.
    if (kind === 'Namespace') {
      const at = `namespaces/${encodeURIComponent(name)}/metrics/${metricName}${query}`
      return objectReading(await this.custom(at))
    }
    const named = await this.kinds.find(apiVersion, kind)
    if (named === null) {
      return {
        kind: 'unknown',
        message: `no matches for kind "${kind}" in version "${apiVersion}"`,
      }
    }
    const resource = named.group === '' ? named.plural : `${named.plural}.${named.group}`
    const inside = named.namespaced ? `namespaces/${namespace}/` : ''
    const path = `${inside}${resource}/${encodeURIComponent(name)}/${metricName}${query}`
    return objectReading(await this.custom(path))
  }

  /** In the version that the server prefers. */
  private async custom(path: string): Promise<readonly MetricValue[]> {
    const group = await this.client.getJson<{
      readonly preferredVersion?: { readonly version?: string }
    }>(customGroup)
    const version = group.preferredVersion?.version ?? 'v1beta2'
    const answer = await this.client.getJson<Answer<MetricValue>>(
      `${customGroup}/${version}/${path}`,
    )
    return answer.items ?? []
  }
}

const apis: Readonly<Record<string, string>> = {
  Resource: 'resource metrics API',
  ContainerResource: 'resource metrics API',
  Pods: 'custom metrics API',
  Object: 'custom metrics API',
  External: 'external metrics API',
}

/** Of the metric, not of the pods; '' for all. */
function textOf({ selector }: MetricIdentifier): string {
  const parsed = labelSelectorFromObject(selector)
  return parsed === null ? '' : formatLabelSelector(parsed)
}

function queryOf(parts: Readonly<Record<string, string>>): string {
  const given = Object.entries(parts).filter(([, value]) => value !== '')
  const texts = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return texts.length === 0 ? '' : `?${texts.join('&')}`
}
