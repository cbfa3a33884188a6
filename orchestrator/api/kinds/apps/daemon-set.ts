// DaemonSets: one pod on every node that fits. Counterpart: pkg/registry/apps/daemonset and
// printDaemonSet.

import { daemonSetDefaults } from '../../defaults/daemon-set.js'
import { sameJson } from '../../equality.js'
import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { daemonSet as schema } from '../../schema/apps-daemon-set.js'
import type { DaemonSet } from '../../types/apps-daemon-set.js'
import { validateDaemonSet } from '../../validation/daemon-set.js'
import {
  ageColumn,
  containerColumns,
  integer,
  labelsText,
  nameColumn,
  selectorText,
  text,
  wide,
} from '../columns.js'
import { ordinary } from '../kind-parts.js'

/** The number of templates so far, which the first version of the kind had in its spec. */
const templateGeneration = 'deprecated.daemonset.template.generation'

function withTemplateGeneration(object: KubeObject, generation: number): KubeObject {
  const annotations = { ...object.metadata.annotations, [templateGeneration]: String(generation) }
  return { ...object, metadata: { ...object.metadata, annotations } }
}

function templateGenerationOf(object: KubeObject): number {
  const text = object.metadata.annotations?.[templateGeneration] ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : 0
}

/** Whatever the user says of it: a change of the template counts one more. */
function withNextTemplateGeneration(object: KubeObject, old: KubeObject): KubeObject {
  const template = (set: KubeObject) => (set as DaemonSet).spec.template
  const changed = !sameJson(template(object), template(old))
  return withTemplateGeneration(object, templateGenerationOf(old) + (changed ? 1 : 0))
}

type Count =
  | 'desiredNumberScheduled'
  | 'currentNumberScheduled'
  | 'numberReady'
  | 'updatedNumberScheduled'
  | 'numberAvailable'

function count(name: Count): (set: DaemonSet) => number {
  return set => set.status?.[name] ?? 0
}

export const daemonSet: Kind = {
  ...ordinary,
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  singular: 'daemonset',
  shortNames: ['ds'],
  categories: ['all'],
  schema,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    nameColumn,
    integer<DaemonSet>('Desired', 'Nodes that are to run a pod.', count('desiredNumberScheduled')),
    integer<DaemonSet>('Current', 'Nodes that run one.', count('currentNumberScheduled')),
    integer<DaemonSet>('Ready', 'Nodes whose pod is ready.', count('numberReady')),
    integer<DaemonSet>(
      'Up-to-date',
      'Nodes whose pod is of the newest template.',
      count('updatedNumberScheduled'),
    ),
    integer<DaemonSet>(
      'Available',
      'Nodes whose pod has been ready long enough.',
      count('numberAvailable'),
    ),
    text<DaemonSet>('Node Selector', 'Labels of the nodes that it is for.', s =>
      labelsText(s.spec.template.spec?.nodeSelector),
    ),
    ageColumn,
    ...containerColumns<DaemonSet>(s => s.spec.template.spec),
    wide<DaemonSet>('Selector', 'Labels of its pods.', s => selectorText(s.spec.selector)),
  ],
  withDefaults: daemonSetDefaults,
  validate: (object, old) => validateDaemonSet(object as DaemonSet, old as DaemonSet | null),
  writes: {
    initialStatus: {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    },
    onCreate: object => withTemplateGeneration(object, Math.max(1, templateGenerationOf(object))),
    onUpdate: withNextTemplateGeneration,
  },
}
