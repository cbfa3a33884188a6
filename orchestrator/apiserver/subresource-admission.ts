// What is sent to a subresource and is stored nowhere, as admission sees it: a Binding, an Eviction, a
// TokenRequest, the options of a stream. Counterpart: the create and connect handlers of
// endpoints/handlers.

import type { GroupVersionKind } from '../api/kind.js'
import type { Json, JsonObject, KubeObject } from '../api/object.js'
import { storedKind } from '../api/stored-version.js'
import { createOptions } from './admission/options.js'
import type { DynamicRequest, Mutated } from './admission/dynamic.js'
import { asObject } from './object-fields.js'
import type { WriteOptions } from './query-options.js'
import { isTrue } from './request-info.js'
import type { Call } from './resource-endpoints.js'
import type { WriteAdmission } from './write-admission.js'

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

/** The body as it goes on, with warnings. Throws ApiError. */
export async function admitBody<T extends KubeObject>(
  admission: WriteAdmission,
  call: Call,
  body: GroupVersionKind,
  object: T,
  options: WriteOptions,
): Promise<{ readonly object: T; readonly warnings: readonly string[] }> {
  const request = requestOf(call, options.dryRun)
  const passed = await admission.passed({
    ...request,
    body,
    object,
    options: createOptions(options),
  })
  return { object: (passed.object ?? object) as T, warnings: passed.warnings }
}

/** exec, attach, port-forward and proxy, before anything is opened. Throws ApiError. */
export async function admitConnection(admission: WriteAdmission, call: Call): Promise<Mutated> {
  const options = connectOptions(call)
  const request = requestOf(call, false)
  const object = asObject({ kind: options.kind, apiVersion: 'v1', ...options.fields })
  return admission.passed({
    ...request,
    operation: 'connect',
    body: { group: '', version: 'v1', kind: options.kind },
    object,
  })
}

function connectOptions({ info, kind }: Call): {
  readonly kind: string
  readonly fields: JsonObject
} {
  const { query, subresource, subpath } = info
  switch (subresource) {
    case 'portforward': {
      const ports = query
        .getAll('ports')
        .flatMap(list => list.split(','))
        .map(Number)
        .filter(port => Number.isInteger(port))
      return { kind: 'PodPortForwardOptions', fields: ports.length === 0 ? {} : { ports } }
    }
    case 'exec':
    case 'attach': {
      const flags = ['stdin', 'stdout', 'stderr', 'tty'].filter(name => isTrue(query.get(name)))
      const container = query.get('container') ?? ''
      const command = query.getAll('command')
      const fields: JsonObject = {
        ...Object.fromEntries(flags.map((name): [string, Json] => [name, true])),
        ...(container === '' ? {} : { container }),
        ...(subresource === 'exec' ? { command } : {}),
      }
      return { kind: subresource === 'exec' ? 'PodExecOptions' : 'PodAttachOptions', fields }
    }
    default:
      return { kind: `${kind.kind}ProxyOptions`, fields: subpath === '' ? {} : { path: subpath } }
  }
}
