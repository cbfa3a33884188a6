// ConfigMaps. Counterpart: pkg/registry/core/configmap.

import type { Kind } from '../../kind.js'
import { configMap as schema } from '../../schema/core-config.js'
import type { ConfigMap } from '../../types/core-config.js'
import { validateConfigMap } from '../../validation/core.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function entries({ data, binaryData }: ConfigMap): number {
  return Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length
}

export const configMap: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  schema,
  columns: [nameColumn, text<ConfigMap>('Data', 'How many entries it has.', entries), ageColumn],
  validate: (object, old) => validateConfigMap(object, old),
}
