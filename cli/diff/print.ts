// A comparison as text for people. Pure.

import type { Json } from '../../orchestrator/api/object.js'
import type { FieldChange } from './object-diff.js'
import type { Owner } from './owners.js'

export interface ObjectChange {
  /** As in "deployments.apps". */
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly change: 'added' | 'changed' | 'replaced' | 'removed'
  /** Of what was added or replaced: who made it, as far as is known. */
  readonly by: readonly Owner[]
  readonly fields: readonly FieldChange[]
}

const marks = { added: '+', changed: '~', replaced: '±', removed: '-' } as const
const valueCharactersMax = 60

export function changeLines(change: ObjectChange): readonly string[] {
  const { resource, namespace, name, by, fields } = change
  const place = namespace === '' ? name : `${namespace}/${name}`
  const title = `${marks[change.change]} ${resource} ${place}${byText(by)}`
  return [title, ...fields.map(fieldLine)]
}

function fieldLine({ path, from, to, by }: FieldChange): string {
  return `    ${path}: ${shown(from)} -> ${shown(to)}${byText(by)}`
}

function byText(by: readonly Owner[]): string {
  if (by.length === 0) return ''
  return `   by ${by.map(({ manager, time }) => `${manager} at ${time}`).join(', ')}`
}

function shown(value: Json | undefined): string {
  if (value === undefined) return '(none)'
  const text = JSON.stringify(value)
  return text.length <= valueCharactersMax ? text : `${text.slice(0, valueCharactersMax)}…`
}
