// ControllerRevisions: what a template once was, to roll back to. Counterpart:
// pkg/registry/apps/controllerrevision and printControllerRevision.

import type { Kind } from '../../kind.js'
import { controllerRevision as schema } from '../../schema/apps-daemon-set.js'
import type { ControllerRevision } from '../../types/apps-daemon-set.js'
import { validateControllerRevision } from '../../validation/daemon-set.js'
import { ageColumn, nameColumn, none, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

/** As in "statefulset.apps/web". */
function controllerText({ metadata }: ControllerRevision): string {
  const owner = (metadata.ownerReferences ?? []).find(o => o.controller === true)
  if (owner === undefined) return none
  const [group, version] = owner.apiVersion.split('/')
  const suffix = version === undefined ? '' : `.${group}`
  return `${owner.kind}${suffix}`.toLowerCase().concat(`/${owner.name}`)
}

export const controllerRevision: Kind = {
  ...ordinary,
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  singular: 'controllerrevision',
  schema,
  columns: [
    nameColumn,
    text<ControllerRevision>('Controller', 'Whose history it is part of.', controllerText),
    text<ControllerRevision>('Revision', 'Its place in that history.', r => r.revision),
    ageColumn,
  ],
  validate: (object, old) =>
    validateControllerRevision(object as ControllerRevision, old as ControllerRevision | null),
}
