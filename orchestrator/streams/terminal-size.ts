// Sizes of a terminal as clients send them: JSON objects one after another, in pieces of any length.
// Counterpart: remotecommand.TerminalSize. Pure.

import { StreamError } from './stream-error.js'

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

const pendingCharactersMax = 1024
const cellsMax = 65_535

export class TerminalSizeReader {
  #pending = ''

  /** The newest size that `bytes` completes, or null. Throws StreamError for what is no size. */
  push(bytes: Uint8Array): TerminalSize | null {
    this.#pending += Buffer.from(bytes).toString('latin1')
    let newest: TerminalSize | null = null
    for (;;) {
      const end = this.#pending.indexOf('}')
      if (end === -1) break
      newest = parseSize(this.#pending.slice(0, end + 1))
      this.#pending = this.#pending.slice(end + 1)
    }
    if (this.#pending.length > pendingCharactersMax) throw noSize()
    return newest
  }
}

const noSize = (): StreamError => new StreamError('protocol', 'what should resize is no size')

function parseSize(text: string): TerminalSize {
  let value: { readonly Width?: unknown; readonly Height?: unknown } | null
  try {
    value = JSON.parse(text) as typeof value
  } catch {
    throw noSize()
  }
  const cells = (count: unknown): number => {
    if (typeof count !== 'number' || !Number.isInteger(count)) throw noSize()
    if (count < 0 || count > cellsMax) throw noSize()
    return count
  }
  return { columns: cells(value?.Width), rows: cells(value?.Height) }
}
