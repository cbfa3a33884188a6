// Reading the fields of a command, each of which may be anything: the log may hold what another
// version wrote. Every mismatch is a StoreError `malformed`, which is the same on all members: the form
// of a command never changes. A new form is a new code, and an unknown code stops the member.

import { must } from '../../platform/errors.js'
import { StoreError, UnknownCommandError } from './errors.js'
import type { Bytes } from './types.js'

export function malformed(detail: string): never {
  throw new StoreError('malformed', detail)
}

export function unknownCommand(code: unknown): never {
  throw new UnknownCommandError(`the log holds a command of the unknown kind ${String(code)}`)
}

export function list(value: unknown, lengthMax: number): unknown[] {
  if (!Array.isArray(value) || value.length > lengthMax) malformed('an array was expected')
  return value as unknown[]
}

export function tuple(value: unknown, length: number): unknown[] {
  if (!Array.isArray(value) || value.length !== length) malformed(`${length} fields were expected`)
  return value as unknown[]
}

export function count(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) malformed('a number was expected')
  return value as number
}

export function bytes(value: unknown): Bytes {
  if (!(value instanceof Uint8Array)) malformed('bytes were expected')
  return value
}

export function truth(value: unknown): boolean {
  if (typeof value !== 'boolean') malformed('true or false was expected')
  return value
}

export function choice<T>(choices: readonly T[], value: unknown): T {
  const index = count(value)
  if (index >= choices.length) malformed('a choice is not known')
  return must(choices[index], 'a choice within the list')
}

export function flags(value: unknown, all: number): number {
  const given = count(value)
  if (given > all) malformed('a flag is not known')
  return given
}

/** What the decoder has bounded to `commandTextBytesMax`. */
export function text(value: unknown): string {
  if (typeof value !== 'string') malformed('a text was expected')
  return value
}
