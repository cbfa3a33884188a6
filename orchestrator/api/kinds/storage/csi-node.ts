// CSINodes: the storage drivers of a node. Counterpart: pkg/registry/storage/csinode.

import type { Kind } from '../../kind.js'
import { csiNode as schema } from '../../schema/storage-csi.js'
import type { CSINode } from '../../types/storage-csi.js'
import { validateCsiNode } from '../../validation/csi.js'
import { ageColumn, integer, nameColumn } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const csiNode: Kind = {
  ...ordinary,
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  singular: 'csinode',
  namespaced: false,
  schema,
  columns: [
    nameColumn,
    integer<CSINode>('Drivers', 'How many drivers the node has.', n => n.spec.drivers.length),
    ageColumn,
  ],
  validate: (object, old) => validateCsiNode(object as CSINode, old as CSINode | null),
  writes: { deleteReturnsObject: true },
}
