// A difference for people: what differs, place by place, and the sequence that shows it as a script
// that can be run again.

import type { Difference } from './duel.js'
import type { Message, Operation, Value } from './operation.js'

const placesMax = 12

/** Places where two answers differ, as in `kvs[2].lease: 7 | nothing`. */
export function placesOf(reference: Value | undefined, subject: Value | undefined): string[] {
  const places: string[] = []
  compare('', reference, subject, places)
  return places.length > placesMax ? [...places.slice(0, placesMax), '…'] : places
}

function compare(
  path: string,
  reference: Value | undefined,
  subject: Value | undefined,
  places: string[],
): void {
  if (JSON.stringify(reference) === JSON.stringify(subject)) return
  if (Array.isArray(reference) && Array.isArray(subject)) {
    for (let at = 0; at < Math.max(reference.length, subject.length); at += 1) {
      compare(`${path}[${at}]`, reference[at], subject[at], places)
    }
  } else if (isMessage(reference) && isMessage(subject)) {
    for (const name of new Set([...Object.keys(reference), ...Object.keys(subject)])) {
      const [one, other] = [(reference as Message)[name], (subject as Message)[name]]
      compare(path === '' ? name : `${path}.${name}`, one, other, places)
    }
  } else places.push(`${path}: ${shown(reference)} | ${shown(subject)}`)
}

const isMessage = (value: Value | undefined): value is Message =>
  typeof value === 'object' && !Array.isArray(value)

const shown = (value: Value | undefined): string =>
  value === undefined ? 'nothing' : JSON.stringify(value)

/** One operation a line; `parseScript` reads it back. */
export function scriptOf(operations: readonly Operation[]): string {
  return operations.map(operation => JSON.stringify(operation)).join('\n')
}

export function parseScript(text: string): Operation[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => JSON.parse(line) as Operation)
}

export function describe(difference: Difference): string {
  return [
    `${difference.kind} differs at ${JSON.stringify(difference.operation)}`,
    '(reference | subject)',
    ...placesOf(difference.reference, difference.subject).map(place => `  ${place}`),
  ].join('\n')
}
