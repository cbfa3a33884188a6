// Columns that many kinds share, and the small words that fill empty cells.
// Counterpart: the helpers of pkg/printers of Kubernetes.

import { ageOf } from '../duration.js'
import type { Column } from '../kind.js'
import type { Json, KubeObject } from '../object.js'
import { formatLabelSelector, labelSelectorFromMap, labelSelectorFromObject } from '../selectors.js'
import type { Labels, LabelSelectorObject } from '../selectors.js'
import type { PodSpec } from '../types/core-pod.js'

type Cell<T extends KubeObject> = (object: T, nowMs: number) => Json

/** The decoder has checked an object's shape before a column sees it as its own type. */
function column<T extends KubeObject>(
  name: string,
  description: string,
  cell: Cell<T>,
  type: Column['type'],
  priority: number,
): Column {
  return {
    name,
    type,
    format: '',
    description,
    priority,
    cell: (object, nowMs) => cell(object as T, nowMs),
  }
}

export function text<T extends KubeObject>(
  name: string,
  description: string,
  cell: Cell<T>,
): Column {
  return column(name, description, cell, 'string', 0)
}

/** Shown with `-o wide` only. */
export function wide<T extends KubeObject>(
  name: string,
  description: string,
  cell: Cell<T>,
): Column {
  return column(name, description, cell, 'string', 1)
}

export function integer<T extends KubeObject>(
  name: string,
  description: string,
  cell: Cell<T>,
): Column {
  return column(name, description, cell, 'integer', 0)
}

export function boolean<T extends KubeObject>(
  name: string,
  description: string,
  cell: Cell<T>,
): Column {
  return column(name, description, cell, 'boolean', 0)
}

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'The name of the object, unique among its kind in its namespace.',
  priority: 0,
  cell: object => object.metadata.name ?? '',
}

export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  format: '',
  description: 'How long ago the object was created.',
  priority: 0,
  cell: (object, nowMs) => ageOf(object.metadata.creationTimestamp, nowMs),
}

/** Of kinds without columns of their own. */
export const createdAtColumn: Column = {
  name: 'Created At',
  type: 'date',
  format: '',
  description: 'When the object was created.',
  priority: 0,
  cell: object => object.metadata.creationTimestamp ?? '',
}

export const none = '<none>'

export function orNone(value: string | undefined): string {
  return value === undefined || value === '' ? none : value
}

export function joined(values: readonly string[]): string {
  return values.length === 0 ? none : values.join(',')
}

export function labelsText(labels: Labels | undefined): string {
  return orNone(formatLabelSelector(labelSelectorFromMap(labels ?? {})))
}

export function selectorText(selector: LabelSelectorObject | undefined): string {
  return orNone(formatLabelSelector(labelSelectorFromObject(selector) ?? []))
}

export function containerNames(spec: PodSpec | undefined): string {
  return (spec?.containers ?? []).map(c => c.name).join(',')
}

export function containerImages(spec: PodSpec | undefined): string {
  return (spec?.containers ?? []).map(c => c.image ?? '').join(',')
}

/** Of the pods that an object makes; wide. */
export function containerColumns<T extends KubeObject>(
  specOf: (object: T) => PodSpec | undefined,
): readonly Column[] {
  return [
    wide<T>('Containers', 'Names of the containers.', object => containerNames(specOf(object))),
    wide<T>('Images', 'Images of the containers.', object => containerImages(specOf(object))),
  ]
}

/** The first three of many, and how many more there are. */
export function firstThree(values: readonly string[]): string {
  const shown = values.slice(0, 3).join(',')
  return values.length > 3 ? `${shown} + ${values.length - 3} more...` : shown
}
