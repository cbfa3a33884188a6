// The Scale of an object that has replicas, and the object with another number of them. Pure.
// Counterpart: the scale subresources of registry/apps.

import type { GroupVersionKind, ScaleDescription } from '../api/kind.js'
import type { JsonObject, KubeObject } from '../api/object.js'
import {
  formatLabelSelector,
  labelSelectorFromMap,
  labelSelectorFromObject,
} from '../api/selectors.js'
import { invalid } from '../api/status.js'
import { isJsonObject } from '../api/record.js'
import { fieldAt, withField } from './object-fields.js'

export function scaleOf(description: ScaleDescription, object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const number = (path: string) => {
    const value = fieldAt(object, path)
    return typeof value === 'number' ? value : 0
  }
  const scale: JsonObject = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: number(description.specReplicasPath) },
    status: {
      replicas: number(description.statusReplicasPath),
      selector: selectorText(object, description.selectorPath),
    },
  }
  return scale as unknown as KubeObject
}

/** Throws ApiError Invalid for a negative number. */
export function withScale(
  description: ScaleDescription,
  object: KubeObject,
  scale: KubeObject,
): KubeObject {
  const wanted = fieldAt(scale, 'spec.replicas') ?? 0
  if (typeof wanted !== 'number' || wanted < 0) {
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, object.metadata.name ?? '', [
      {
        reason: 'FieldValueInvalid',
        field: 'spec.replicas',
        message: `Invalid value: ${JSON.stringify(wanted)}: must be greater than or equal to 0`,
      },
    ])
  }
  return withField(object, description.specReplicasPath, wanted)
}

/** What applying a Scale means for its object: a configuration of the number of replicas alone. */
export function configOfScale(
  { group, version, kind }: GroupVersionKind,
  description: ScaleDescription,
  scale: JsonObject,
): JsonObject {
  const apiVersion = group === '' ? version : `${group}/${version}`
  const config: JsonObject = { ...scale, apiVersion, kind, spec: undefined, status: undefined }
  return withField(config, description.specReplicasPath, fieldAt(scale, 'spec.replicas'))
}

function selectorText(object: KubeObject, path: string): string {
  const selector = fieldAt(object, path)
  // Custom kinds keep it as text.
  if (typeof selector === 'string') return selector
  if (!isJsonObject(selector)) return ''
  const labelled = 'matchLabels' in selector || 'matchExpressions' in selector
  // ReplicationController writes its selector as a plain map.
  const parsed = labelled
    ? labelSelectorFromObject(selector)
    : labelSelectorFromMap(selector as Readonly<Record<string, string>>)
  return parsed === null ? '' : formatLabelSelector(parsed)
}
