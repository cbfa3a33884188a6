// One table of nftables as a value: what should be in the kernel, or what is known to be. Counterpart:
// the objects of sigs.k8s.io/knftables. Rules and declarations are texts of the nft language; names are of
// our own making and need no quotes. Pure.

export type TableFamily = 'ip' | 'ip6'

/** A set, or a map when its elements have values. */
export interface NftSet {
  readonly kind: 'set' | 'map'
  /** As in "type ipv4_addr . inet_proto . inet_service : verdict;" */
  readonly declaration: string
  /** Values by key, '' in a set. Null where the kernel fills it, as rules say that it shall. */
  readonly elements: ReadonlyMap<string, string> | null
}

export interface NftChain {
  /** As in "type nat hook prerouting priority -100;"; null where other chains lead to it. */
  readonly base: string | null
  readonly rules: readonly string[]
}

export interface NftTable {
  readonly family: TableFamily
  readonly name: string
  readonly sets: ReadonlyMap<string, NftSet>
  readonly chains: ReadonlyMap<string, NftChain>
}

/** Longer names are cut; nft takes 255 characters, and lists are read by people. */
const nameCharactersMax = 120

const fnvOffset = 0x811c9dc5

/** FNV-1a in hexadecimal: tells texts apart, and no more. */
export function textHash(text: string, seed = fnvOffset): string {
  let hash = seed
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0).toString(16).padStart(8, '0')
}

/** A name that is another one for another text: two hashes of 32 bits, of different beginnings. */
export const hashedName = (kind: string, text: string): string =>
  `${kind}-${textHash(text)}${textHash(text, text.length)}`

/**
 * A name that holds `parts` for people, as in "service-1f2e3d4c5b6a7988/default/web/tcp/http", and is another one
 * for other parts.
 */
export function objectName(kind: string, parts: readonly string[]): string {
  const readable = parts.map(part => part.replaceAll(/[^A-Za-z0-9_.-]/g, '_')).join('/')
  return `${hashedName(kind, parts.join('\n'))}/${readable}`.slice(0, nameCharactersMax)
}

/** What a rule carries as its comment, by which an audit knows it again. */
export const ruleMark = (rule: string): string => textHash(rule)
