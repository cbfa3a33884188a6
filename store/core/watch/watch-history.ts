// Events that are older than the recent log, read back from the rows. Watchers that are behind often
// are so together, so what was read last is kept, in pieces that begin at fixed rows: the rows are
// read, checked and encoded once for those that follow one another closely. Counterpart: the scan of
// etcd's syncWatchersLoop, which reads from the slowest watcher on for all of them at once.

import type { Ordinal, Row } from '../backend.js'
import { type LoggedEvent, watchEvent } from './event-log.js'
import { keyString } from '../key-range.js'
import { type RowStore, rowBytes } from '../row-store.js'

const pieceRows = 128
/** Read at a time, above which a piece is not kept. */
const pieceBytesMax = 1024 * 1024
/** Beside the rows, of a piece and of each event in it. */
const pieceOverheadBytes = 200
const keptBytesMax = 16 * 1024 * 1024

/** As in the log, but that the version before is not known; see `previousOf` of the reader. */
export type PastEvent = Omit<LoggedEvent, 'previous'>

export interface Piece {
  readonly events: readonly PastEvent[]
  /** Nothing is left out before it. */
  readonly end: Ordinal
}

interface KeptPiece extends Piece {
  readonly bytes: number
}

export class WatchHistory {
  readonly #rows: RowStore
  /** By number, the one used last at the end. */
  readonly #kept = new Map<number, KeptPiece>()
  #keptBytes = 0

  constructor(rows: RowStore) {
    this.#rows = rows
  }

  /** A few events from `ordinal` on; none and an end behind the last row where nothing follows. */
  read(ordinal: Ordinal): Piece {
    const number = Math.floor(ordinal / pieceRows)
    const kept = this.#kept.get(number)
    if (kept !== undefined) {
      this.#kept.delete(number)
      this.#kept.set(number, kept)
      return from(kept, ordinal)
    }
    const start = Math.max(1, number * pieceRows)
    const piece = pieceOf(
      this.#rows.readFrom(start, pieceRows, pieceBytesMax),
      (number + 1) * pieceRows,
    )
    if (piece === null) return this.#direct(ordinal)
    this.#keep(number, piece)
    return from(piece, ordinal)
  }

  /** For rows that are long, or the newest: a piece of them is none to keep. */
  #direct(ordinal: Ordinal): Piece {
    const rows = this.#rows.readFrom(ordinal, pieceRows, pieceBytesMax)
    const last = rows.at(-1)
    const end = last === undefined ? this.#rows.lastOrdinal + 1 : last.ordinal + 1
    return { events: rows.map(pastEvent), end }
  }

  #keep(number: number, piece: KeptPiece): void {
    this.#kept.set(number, piece)
    this.#keptBytes += piece.bytes
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#keptBytes <= keptBytesMax) return
      this.#kept.delete(oldest)
      this.#keptBytes -= bytes
    }
  }
}

/** Null when `rows` may not be all there are before `end`. */
function pieceOf(rows: readonly Row[], end: Ordinal): KeptPiece | null {
  const last = rows.at(-1)
  if (last === undefined || last.ordinal < end - 1) return null
  const events = rows.filter(({ ordinal }) => ordinal < end).map(pastEvent)
  let bytes = pieceOverheadBytes
  for (const { kv } of events) bytes += rowBytes(kv) + pieceOverheadBytes
  // What compaction has emptied is passed over at once.
  return { events, end: events.length > 0 ? end : (rows[0]?.ordinal ?? end), bytes }
}

function from(piece: Piece, ordinal: Ordinal): Piece {
  const at = piece.events.findIndex(event => event.ordinal >= ordinal)
  if (at === 0) return piece
  return { events: at < 0 ? [] : piece.events.slice(at), end: piece.end }
}

function pastEvent({ ordinal, kv }: Row): PastEvent {
  return { key: keyString(kv.key), ordinal, kv, plain: watchEvent(kv, null), withPrevious: null }
}
