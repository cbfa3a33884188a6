// Regular expressions of users, in the dialect of the original and in time linear in the text: an
// expression that backtracks would let one object hold the server. Counterpart: Go's regexp (RE2).

import { RE2JS, RE2JSException } from 're2js'

/** Expressions beyond this are refused with the definition that carries them. */
export const patternCharactersMax = 4_096
/** Characters of text times characters of expression that a match may look at. */
const workMax = 50_000_000
const compiledMax = 1_000

const compiled = new Map<string, RE2JS | null>()

/** Null when it is no expression. */
export function compilePattern(pattern: string): RE2JS | null {
  const known = compiled.get(pattern)
  if (known !== undefined) return known
  const made = compiledPattern(pattern)
  if (compiled.size >= compiledMax) compiled.clear()
  compiled.set(pattern, made)
  return made
}

function compiledPattern(pattern: string): RE2JS | null {
  if (pattern.length > patternCharactersMax) return null
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    if (error instanceof RE2JSException) return null
    throw error
  }
}

/** False also for a text that is too long for its expression. */
export function matchesPattern(pattern: string, text: string): boolean {
  const expression = compilePattern(pattern)
  if (expression === null || pattern.length * text.length > workMax) return false
  return expression.test(text)
}
