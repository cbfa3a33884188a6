// ComponentStatuses, made when somebody asks: the store by a read, the scheduler and the controllers by
// the leases that they hold while they work. Counterpart: pkg/registry/core/componentstatus.

import type { Clock } from '../../platform/clock.js'
import type { KubeObject } from '../api/object.js'
import { notFound } from '../api/status.js'
import { msOfTime } from '../api/time.js'
import { warningHeaders } from './decoding.js'
import type { ApiResponse } from './exchange.js'
import type { HealthCheck } from './health-endpoints.js'
import { asObject, fieldAt, textAt } from './object-fields.js'
import { compileFilter } from './object-filter.js'
import type { ObjectReader } from './object-reader.js'
import { parseListOptions } from './query-options.js'
import { listResponse } from './list-rendering.js'
import { objectResponse } from './rendering.js'
import type { Call } from './resource-endpoints.js'
import { encodeObject, StoredObject } from './stored-object.js'

const deprecation = 'v1 ComponentStatus is deprecated in v1.19+'
const leaseNamespace = 'kube-system'

export interface ComponentStatusOptions {
  readonly reader: ObjectReader
  readonly clock: Clock
  readonly store: HealthCheck
}

export class ComponentStatuses {
  readonly #options: ComponentStatusOptions

  constructor(options: ComponentStatusOptions) {
    this.#options = options
  }

  /** get and list. Throws ApiError NotFound, BadRequest. */
  async answer(call: Call): Promise<ApiResponse> {
    const { info, kind, negotiated } = call
    const nowMs = this.#options.clock.wallMs()
    const options = parseListOptions(info.query, false)
    const filter = compileFilter(kind, options.labelSelector, options.fieldSelector, info.name)
    const statuses = await this.#statuses(nowMs)
    const stored = statuses
      .map(status => new StoredObject(`/${status.metadata.name}`, 0, encodeObject(status)))
      .filter(status => filter?.(status) ?? true)
    const headers = warningHeaders([deprecation])
    if (info.name === '') {
      const response = listResponse(kind, stored, {}, negotiated, nowMs)
      return { ...response, headers: { ...response.headers, ...headers } }
    }
    const [only] = stored
    if (only === undefined) throw notFound(kind, info.name)
    return objectResponse(200, kind, only, negotiated, nowMs, headers)
  }

  async #statuses(nowMs: number): Promise<readonly KubeObject[]> {
    return [
      componentStatus('controller-manager', this.#leaseProblem('kube-controller-manager', nowMs)),
      componentStatus('scheduler', this.#leaseProblem('kube-scheduler', nowMs)),
      // The name under which tools look for the store.
      componentStatus('etcd-0', await this.#options.store.run()),
    ]
  }

  /** Null while somebody holds the lease and renews it. */
  #leaseProblem(name: string, nowMs: number): string | null {
    const group = 'coordination.k8s.io'
    const lease = this.#options.reader.cachedAt(group, 'leases', leaseNamespace, name)?.object
    if (lease === undefined) return `nobody holds the lease ${name}`
    const renewedMs = msOfTime(textAt(lease, 'spec.renewTime')) ?? 0
    const seconds = fieldAt(lease, 'spec.leaseDurationSeconds')
    const lateMs = nowMs - renewedMs - (typeof seconds === 'number' ? seconds : 0) * 1000
    return lateMs <= 0 ? null : `the lease ${name} ran out ${Math.ceil(lateMs / 1000)}s ago`
  }
}

function componentStatus(name: string, problem: string | null): KubeObject {
  const condition =
    problem === null
      ? { type: 'Healthy', status: 'True', message: 'ok' }
      : { type: 'Healthy', status: 'False', message: problem }
  return asObject({
    apiVersion: 'v1',
    kind: 'ComponentStatus',
    metadata: { name },
    conditions: [condition],
  })
}
