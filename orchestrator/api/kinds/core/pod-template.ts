// PodTemplates: what pods look like that somebody makes. Counterpart: pkg/registry/core/podtemplate and
// printPodTemplate.

import { podTemplateObjectDefaults } from '../../defaults/replication-controller.js'
import type { Kind } from '../../kind.js'
import { podTemplate as schema } from '../../schema/core-replication-controller.js'
import type { PodTemplate } from '../../types/core-replication-controller.js'
import { validatePodTemplateObject } from '../../validation/replication-controller.js'
import { containerImages, containerNames, labelsText, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const podTemplate: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  singular: 'podtemplate',
  schema,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<PodTemplate>('Containers', 'Names of the containers.', t =>
      containerNames(t.template?.spec),
    ),
    text<PodTemplate>('Images', 'Images of the containers.', t =>
      containerImages(t.template?.spec),
    ),
    text<PodTemplate>('Pod Labels', 'Labels of the pods.', t =>
      labelsText(t.template?.metadata?.labels),
    ),
  ],
  withDefaults: podTemplateObjectDefaults,
  validate: object => validatePodTemplateObject(object),
}
