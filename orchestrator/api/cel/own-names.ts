// Names under which functions of ours stand for some of the library's: those that backtrack, that
// would make texts of any length at once, or that count in UTF-16 where CEL counts characters.

const renamed: readonly (readonly [call: 'call' | 'rcall', name: string])[] = [
  ['rcall', 'matches'],
  ['rcall', 'join'],
  ['rcall', 'split'],
  ['rcall', 'substring'],
  ['rcall', 'indexOf'],
  ['rcall', 'lastIndexOf'],
  ['rcall', 'lowerAscii'],
  ['rcall', 'upperAscii'],
  ['rcall', 'trim'],
]

const mark = 'Own'

/** By the library's name of the call and the function: "rcall matches". */
export const ownNames: ReadonlyMap<string, string> = new Map(
  renamed.map(([call, name]) => [`${call} ${name}`, `${name}${mark}`]),
)

const original: ReadonlyMap<string, string> = new Map(
  renamed.map(([, name]) => [`${name}${mark}`, name]),
)

/** As users write it. */
export function usersName(name: string): string {
  return original.get(name) ?? name
}
