// A dumb model of permissions: every key of a small world is asked about by itself, and every
// operation is taken apart into keys that are read and keys that are written. Written from etcd's
// documented rules, not from the check.

import { unreachable } from '../../../platform/errors.js'
import type { Compare, RequestOp, TxnRequest } from '../types.js'
import { text } from './driver.js'

/** Every string of up to two letters: enough that ranges end between keys. */
const letters = ['\0', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'z']
export const world: readonly string[] = letters.flatMap(a => [a, ...letters.map(b => a + b)]).sort()
/** And a key right behind each: who may read one key may not read the range to the next of the world. */
const keys: readonly string[] = [...new Set(world.flatMap(one => [one, `${one}\0`]))].sort()

interface Ranged {
  readonly key: Uint8Array
  readonly end?: Uint8Array
}

/** The keys in a range. */
export function keysIn({ key, end }: Ranged): readonly string[] {
  const from = text(key)
  if (end === undefined || end.length === 0) return [from]
  const to = text(end)
  // One that is turned around is as good as the key it begins with.
  if (to <= from && to !== '\0') return [from]
  return keys.filter(one => one >= from && (to === '\0' || one < to))
}

export interface ModelPermission extends Ranged {
  readonly access: 'read' | 'write' | 'readwrite'
}

export class ModelUser {
  readonly #reads = new Set<string>()
  readonly #writes = new Set<string>()

  constructor(permissions: readonly ModelPermission[]) {
    for (const given of permissions) {
      for (const key of keysIn(given)) {
        if (given.access !== 'write') this.#reads.add(key)
        if (given.access !== 'read') this.#writes.add(key)
      }
    }
  }

  reads(range: Ranged): boolean {
    return keysIn(range).every(key => this.#reads.has(key))
  }

  writes(range: Ranged): boolean {
    return keysIn(range).every(key => this.#writes.has(key))
  }

  /** `attached`: keys that hang on the lease of a put. */
  op(op: RequestOp, attached: (lease: number) => readonly string[]): boolean {
    switch (op.kind) {
      case 'range':
        return this.reads(op.request)
      case 'put': {
        const { key, prevKv, lease } = op.request
        return (
          this.writes({ key }) &&
          (prevKv !== true || this.reads({ key })) &&
          attached(lease ?? 0).every(other => this.#writes.has(other))
        )
      }
      case 'deleteRange':
        return this.writes(op.request) && (op.request.prevKv !== true || this.reads(op.request))
      case 'txn':
        return this.txn(op.request, attached)
      default:
        return unreachable(op)
    }
  }

  txn(txn: TxnRequest, attached: (lease: number) => readonly string[]): boolean {
    return (
      txn.compare.every((compare: Compare) => this.reads(compare)) &&
      [...txn.success, ...txn.failure].every(op => this.op(op, attached))
    )
  }
}
