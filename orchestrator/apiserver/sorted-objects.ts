// Objects in the order of their keys, in pieces of a few hundred: a collection of a hundred thousand takes
// another one without moving the others, and the garbage collector looks at one piece again, not at all of them.

import type { StoredObject } from './stored-object.js'

const pieceMax = 512

export class SortedObjects {
  /** None is empty but a lone one. */
  readonly #pieces: StoredObject[][] = [[]]

  /** In the place of the one with its key, if there is one. */
  set(object: StoredObject): void {
    const { key } = object
    const at = this.#pieceOf(key)
    const piece = this.#pieces[at] as StoredObject[]
    const slot = slotOf(piece, key)
    if (piece[slot]?.key === key) {
      piece[slot] = object
      return
    }
    if (piece.length < pieceMax) {
      piece.splice(slot, 0, object)
      return
    }
    // What comes in order fills pieces; all else splits them in the middle.
    if (slot === piece.length) this.#pieces.splice(at + 1, 0, [object])
    else {
      const rest = piece.splice(pieceMax / 2)
      this.#pieces.splice(at + 1, 0, rest)
      if (slot <= piece.length) piece.splice(slot, 0, object)
      else rest.splice(slot - piece.length, 0, object)
    }
  }

  delete(key: string): void {
    const at = this.#pieceOf(key)
    const piece = this.#pieces[at] as StoredObject[]
    const slot = slotOf(piece, key)
    if (piece[slot]?.key !== key) return
    piece.splice(slot, 1)
    const next = this.#pieces[at + 1]
    if (next !== undefined && piece.length + next.length <= pieceMax / 2) {
      piece.push(...next)
      this.#pieces.splice(at + 1, 1)
    }
    if (piece.length === 0 && this.#pieces.length > 1) this.#pieces.splice(at, 1)
  }

  /** Those with a key from `from` on and below `to`. */
  between(from: string, to: string): StoredObject[] {
    const [firstAt, lastAt] = [this.#pieceOf(from), this.#pieceOf(to)]
    const first = this.#pieces[firstAt] as StoredObject[]
    const last = this.#pieces[lastAt] as StoredObject[]
    if (firstAt === lastAt) return first.slice(slotOf(first, from), slotOf(first, to))
    return first
      .slice(slotOf(first, from))
      .concat(...this.#pieces.slice(firstAt + 1, lastAt), last.slice(0, slotOf(last, to)))
  }

  /** Index of the piece that a key is in, or would be. */
  #pieceOf(key: string): number {
    let low = 0
    let high = this.#pieces.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (((this.#pieces[middle] as StoredObject[])[0]?.key ?? '') <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Index of the first key that is not below `key`. */
function slotOf(piece: readonly StoredObject[], key: string): number {
  let low = 0
  let high = piece.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((piece[middle] as StoredObject).key < key) low = middle + 1
    else high = middle
  }
  return low
}
