// Namespaces. Counterpart: pkg/registry/core/namespace.

import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { namespace as schema } from '../../schema/core-config.js'
import type { Namespace } from '../../types/core-config.js'
import { validateNamespace } from '../../validation/core.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

const nameLabel = 'kubernetes.io/metadata.name'
const contentFinalizer = 'kubernetes'

/** The finalizer keeps a deleted namespace until a controller has emptied it. */
function withDefaults(object: KubeObject): Namespace {
  const given = object as Namespace
  const { name } = given.metadata
  const labels =
    name === undefined || name === '' ? undefined : { ...given.metadata.labels, [nameLabel]: name }
  const deleting = given.metadata.deletionTimestamp !== undefined
  return {
    ...given,
    metadata: { ...given.metadata, ...(labels === undefined ? {} : { labels }) },
    spec: deleting
      ? { ...given.spec }
      : { ...given.spec, finalizers: given.spec?.finalizers ?? [contentFinalizer] },
    status: {
      ...given.status,
      phase: given.status?.phase || (deleting ? 'Terminating' : 'Active'),
    },
  }
}

/** Finalizers change through /finalize only, whatever the main endpoint is given. */
function withOldFinalizers(object: KubeObject, old: KubeObject): Namespace {
  const { finalizers: _, ...spec } = (object as Namespace).spec ?? {}
  const finalizers = (old as Namespace).spec?.finalizers
  return { ...object, spec: finalizers === undefined ? spec : { ...spec, finalizers } }
}

/** The label by which selectors find it, and the server's own hold beside those that were asked for. */
function withOwnHold(object: KubeObject): Namespace {
  const { metadata, spec } = object as Namespace
  const given = spec?.finalizers ?? []
  return {
    ...object,
    metadata: { ...metadata, labels: { ...metadata.labels, [nameLabel]: metadata.name ?? '' } },
    spec: {
      ...spec,
      finalizers: given.includes(contentFinalizer) ? given : [...given, contentFinalizer],
    },
  }
}

export const namespace: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  schema,
  hasStatus: true,
  subresources: [
    { name: 'finalize', group: '', version: 'v1', kind: 'Namespace', verbs: ['update'] },
  ],
  columns: [
    nameColumn,
    text<Namespace>('Status', 'Active, or Terminating.', n => n.status?.phase ?? ''),
    ageColumn,
  ],
  fieldSelectors: {
    'status.phase': object => (object as Namespace).status?.phase ?? '',
  },
  withDefaults,
  validate: (object, old) => validateNamespace(object, old),
  writes: {
    deleteReturnsObject: true,
    initialStatus: { phase: 'Active' },
    onCreate: withOwnHold,
    onUpdate: withOldFinalizers,
  },
}
