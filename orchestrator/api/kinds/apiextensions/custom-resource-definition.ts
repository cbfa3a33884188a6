// CustomResourceDefinitions can be looked for but not made: clients that do not know a kind look
// here before they say so. Counterpart: apiextensions-apiserver, of which nothing else is here.

import type { Kind } from '../../kind.js'
import { customResourceDefinition as schema } from '../../schema/apiextensions.js'
import { text, nameColumn } from '../columns.js'
import { ordinary } from '../kind-parts.js'

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
  verbs: ['get', 'list', 'watch'],
  schema,
  columns: [
    nameColumn,
    text('Created At', 'When it was created.', o => o.metadata.creationTimestamp ?? ''),
  ],
  validate: () => [],
}
