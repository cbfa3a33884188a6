// CustomResourceDefinitions. What follows from one is in ../../custom.
// Counterpart: registry/customresourcedefinition of apiextensions-apiserver.

import {
  cleanupFinalizer,
  terminatingCondition,
  withCondition,
} from '../../custom/definition-status.js'
import { customResourceDefinitionDefaults } from '../../defaults/custom-resource-definition.js'
import type { Kind } from '../../kind.js'
import { customResourceDefinition as schema } from '../../schema/apiextensions.js'
import type { CustomResourceDefinition } from '../../types/apiextensions.js'
import { validateDefinition } from '../../validation/custom-resource-definition.js'
import { nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

/** From now on there may be objects in the storage version, whatever it was before. */
function withStoredVersion(definition: CustomResourceDefinition): CustomResourceDefinition {
  const { spec, status = {} } = definition
  const storage = spec.versions.find(version => version.storage)?.name
  const { storedVersions = [] } = status
  if (storage === undefined || storedVersions.includes(storage)) return definition
  return { ...definition, status: { ...status, storedVersions: [...storedVersions, storage] } }
}

/** Held until the last object of its kind is gone. */
function beingDeleted(definition: CustomResourceDefinition, now: string): CustomResourceDefinition {
  const { metadata, status } = definition
  const finalizers = metadata.finalizers ?? []
  const held = finalizers.includes(cleanupFinalizer)
    ? finalizers
    : [...finalizers, cleanupFinalizer]
  const conditions = withCondition(
    status?.conditions ?? [],
    terminatingCondition(
      'True',
      'InstanceDeletionPending',
      'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    ),
    now,
  )
  return {
    ...definition,
    metadata: { ...metadata, finalizers: held },
    status: { ...status, conditions },
  }
}

export const customResourceDefinition: Kind = {
  ...ordinary,
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  hasStatus: true,
  hasGeneration: true,
  schema,
  columns: [
    nameColumn,
    text('Created At', 'When it was created.', o => o.metadata.creationTimestamp ?? ''),
  ],
  writes: {
    onCreate: object => withStoredVersion(object as CustomResourceDefinition),
    onUpdate: object => withStoredVersion(object as CustomResourceDefinition),
    onDelete: (object, now) => beingDeleted(object as CustomResourceDefinition, now),
  },
  withDefaults: customResourceDefinitionDefaults,
  validate: (object, old) =>
    validateDefinition(object as CustomResourceDefinition, old as CustomResourceDefinition | null),
}
