// Events between core/v1, in which they are kept, and events.k8s.io/v1. The same fields under other
// names. Counterpart: pkg/apis/events/v1/conversion.go.

import type { KubeObject } from '../object.js'

/** Name in core/v1, name in events.k8s.io/v1. */
const names: readonly (readonly [string, string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
]
const newNames: ReadonlyMap<string, string> = new Map(names)
const coreNames: ReadonlyMap<string, string> = new Map(names.map(([core, other]) => [other, core]))

function renamed(
  object: KubeObject,
  apiVersion: string,
  fields: ReadonlyMap<string, string>,
): KubeObject {
  const entries = Object.entries(object).map(([name, value]) => [fields.get(name) ?? name, value])
  return { ...(Object.fromEntries(entries) as KubeObject), apiVersion }
}

export function eventToCore(object: KubeObject): KubeObject {
  // Core events always say what they are about and who reports them.
  const required = { involvedObject: {}, reportingComponent: '', reportingInstance: '' }
  const event = Object.entries(renamed(object, 'v1', coreNames)).filter(
    ([, value]) => value !== null,
  )
  return { ...required, ...(Object.fromEntries(event) as unknown as KubeObject) }
}

export function eventFromCore(object: KubeObject): KubeObject {
  const event = renamed(object, 'events.k8s.io/v1', newNames)
  // The one field that v1 must have, if only as null.
  return { eventTime: null, ...event } as KubeObject
}
