// What a mutant is: the shipping code with one rule taken out, or one fix taken back. A simulator that
// does not find it would not have found the bug either. Counterpart: mutation testing (DeMillo,
// Lipton and Sayward, 1978), by hand: every mutant is a mistake that somebody could make, or has made.

import type { ScenarioName } from '../simulation/scenario.js'

export interface Edit {
  /** Of the compiled code, from its top folder on. */
  readonly file: string
  /** Occurs there exactly once; a space stands for any white space. */
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly name: string
  /** What is taken out, and who asks for it: a section of the paper or thesis, or a page of ours. */
  readonly rule: string
  /** More than one where code behind the rule would stop its breach before anything could see it. */
  readonly edits: readonly Edit[]
  /** The simulator finds it in one of the seeds 1 to this. */
  readonly seedsMax: number
  /** What is simulated; 'raft' when absent. */
  readonly scenario?: ScenarioName
}

/** The core's own look at itself, which would stop many mutants before the simulator sees what they do. */
export const unguarded: Edit = {
  file: 'raft/core/invariants.js',
  find: 'export function checkInvariants(core) {',
  replace: 'export function checkInvariants(core) { return;',
}

/** Where `find` stands in `text`. */
export function occurrences(text: string, find: string): readonly { at: number; length: number }[] {
  const pattern = find
    .trim()
    .split(/\s+/)
    .map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('\\s+')
  return [...text.matchAll(new RegExp(pattern, 'g'))].map(({ 0: found, index }) => ({
    at: index,
    length: found.length,
  }))
}

/** Throws when the code has changed so that `find` is not there once: the list must keep up. */
export function edited(text: string, { file, find, replace }: Edit): string {
  const [place, ...others] = occurrences(text, find)
  if (place === undefined || others.length > 0)
    throw new Error(
      `${file} has ${others.length + (place === undefined ? 0 : 1)} places that read: ${find}`,
    )
  return text.slice(0, place.at) + replace + text.slice(place.at + place.length)
}
