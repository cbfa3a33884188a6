// What is stored nowhere, as admission sees it: a review; and what is sent to a subresource, a Binding, an
// Eviction, a TokenRequest, the options of a stream. Counterpart: the create and connect handlers of
// endpoints/handlers.

import { must } from '../../platform/errors.js'
import type { GroupVersionKind } from '../api/kind.js'
import type { Json, JsonObject, KubeObject } from '../api/object.js'
import { storedKind } from '../api/stored-version.js'
import { createOptions } from './admission/options.js'
import type { DynamicRequest, Mutated } from './admission/dynamic.js'
import { asObject } from './object-fields.js'
import type { WriteOptions } from './query-options.js'
import { isTrue } from './request-info.js'
import type { ResourceRequest } from './request-info.js'
import type { Call } from './resource-endpoints.js'
import type { Settle, WriteAdmission } from './write-admission.js'

function requestOf({ info, kind, user }: Call, dryRun: boolean): Omit<DynamicRequest, 'body'> {
  return {
    kind: storedKind(kind),
    requestKind: kind,
    subresource: info.subresource,
    operation: 'create',
    namespace: info.namespace,
    name: info.name,
    object: null,
    old: null,
    user,
    options: null,
    dryRun,
  }
}

/** What goes on, with warnings of admission. */
export interface AdmittedBody<T> {
  readonly object: T
  readonly warnings: readonly string[]
}

/** What is sent to a subresource; see `WriteAdmission.passed` for `settled`. Throws ApiError. */
export async function admitBody<T extends KubeObject>(
  admission: WriteAdmission,
  call: Call,
  body: GroupVersionKind,
  object: T,
  options: WriteOptions,
  settled?: Settle,
): Promise<AdmittedBody<T>> {
  const request = requestOf(call, options.dryRun)
  const asked = { ...request, body, object, options: createOptions(options) }
  const passed = await admission.passed(asked, settled)
  return { object: (passed.object ?? object) as T, warnings: passed.warnings }
}

/** A review; its name is its own, if it has one. Throws ApiError. */
export async function admitReview(
  admission: WriteAdmission,
  call: Call,
  object: KubeObject,
  options: WriteOptions,
  settled: Settle,
): Promise<AdmittedBody<KubeObject>> {
  const { name = '' } = object.metadata
  const request = { ...requestOf(call, options.dryRun), name }
  const asked = { ...request, body: null, object, options: createOptions(options) }
  const passed = await admission.passed(asked, settled)
  return { object: passed.object ?? object, warnings: passed.warnings }
}

/** exec, attach, port-forward and proxy, before anything is opened. Throws ApiError. */
export async function admitConnection(admission: WriteAdmission, call: Call): Promise<Mutated> {
  const { subresources = [] } = call.kind
  const found = subresources.find(({ name }) => name === call.info.subresource)
  const { group, version, kind } = must(found, 'a stream is a subresource of its kind')
  const object = asObject({ kind, apiVersion: version, ...connectFields(call.info) })
  return admission.passed({
    ...requestOf(call, false),
    operation: 'connect',
    body: { group, version, kind },
    object,
  })
}

function connectFields({ query, subresource, subpath }: ResourceRequest): JsonObject {
  if (subresource === 'proxy') return subpath === '' ? {} : { path: subpath }
  if (subresource === 'portforward') {
    const ports = query
      .getAll('ports')
      .flatMap(list => list.split(','))
      .map(Number)
      .filter(port => Number.isInteger(port))
    return ports.length === 0 ? {} : { ports }
  }
  const flags = ['stdin', 'stdout', 'stderr', 'tty'].filter(name => isTrue(query.get(name)))
  const container = query.get('container') ?? ''
  return {
    ...Object.fromEntries(flags.map((name): [string, Json] => [name, true])),
    ...(container === '' ? {} : { container }),
    ...(subresource === 'exec' ? { command: query.getAll('command') } : {}),
  }
}
