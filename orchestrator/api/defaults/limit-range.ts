// What limits mean for what they do not say: the most is the default, and the default is asked for.
// Counterpart: SetDefaults_LimitRangeItem of pkg/apis/core/v1.

import type { KubeObject } from '../object.js'
import type { LimitRange, LimitRangeItem } from '../types/core-quota.js'

function completed(item: LimitRangeItem): LimitRangeItem {
  if (item.type !== 'Container') return item
  const limits = { ...item.max, ...item.default }
  const requests = { ...item.min, ...limits, ...item.defaultRequest }
  return {
    ...item,
    ...(Object.keys(limits).length === 0 ? {} : { default: limits }),
    ...(Object.keys(requests).length === 0 ? {} : { defaultRequest: requests }),
  }
}

export function limitRangeDefaults(object: KubeObject): KubeObject {
  const range = object as Partial<LimitRange> & KubeObject
  const { spec } = range
  if (spec === undefined) return object
  const complete: LimitRange = { ...range, spec: { ...spec, limits: spec.limits.map(completed) } }
  return complete
}
