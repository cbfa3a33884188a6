// RuntimeClasses. Counterpart: pkg/registry/node/runtimeclass and printRuntimeClass.

import type { Kind } from '../../kind.js'
import { runtimeClass as schema } from '../../schema/node.js'
import type { RuntimeClass } from '../../types/node.js'
import { validateRuntimeClass } from '../../validation/runtime-class.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const runtimeClass: Kind = {
  ...ordinary,
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  singular: 'runtimeclass',
  namespaced: false,
  schema,
  columns: [
    nameColumn,
    text<RuntimeClass>('Handler', 'What nodes know the runtime as.', r => r.handler),
    ageColumn,
  ],
  validate: (object, old) =>
    validateRuntimeClass(object as RuntimeClass, old as RuntimeClass | null),
}
