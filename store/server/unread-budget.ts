// What clients have been sent and have not read, all of them together, is held to a budget: the less
// of it is left, the smaller the share up to which any one of them is sent more. So clients that
// never read cost a fixed amount of memory and nobody else's answers. Counterpart in etcd: none;
// HTTP/2 windows bound one stream, and nothing bounds their sum.

const unreadBytesMax = 128 * 1024 * 1024
/** Of one client. */
const shareBytesMax = 4 * 1024 * 1024
/** Each may have so much even when the budget is spent: else those that do read would starve. */
const shareBytesMin = 64 * 1024
/** What is left of the budget is given to so many clients that are behind. */
const sharers = 8
/** After so much was sent it is looked at anew what has been read meanwhile. */
const lookBytes = 16 * 1024 * 1024

export interface Unread {
  readonly bufferedBytes: number
}

export class UnreadBudget {
  readonly #sources: (() => Iterable<Unread>)[] = []
  #unreadBytes = 0
  #sentBytes = 0

  /** Where clients are to be found that may be behind. */
  addSource(clients: () => Iterable<Unread>): void {
    this.#sources.push(clients)
  }

  /** Bytes that a client may have unread and still be sent more. */
  get share(): number {
    const left = unreadBytesMax - this.#unreadBytes - this.#sentBytes
    return Math.min(shareBytesMax, Math.max(shareBytesMin, Math.floor(left / sharers)))
  }

  /** Every byte that goes to a client counts as unread until it is looked again. */
  sent(bytes: number): void {
    this.#sentBytes += bytes
    if (this.#sentBytes < lookBytes) return
    this.#sentBytes = 0
    this.#unreadBytes = 0
    for (const clients of this.#sources) {
      for (const { bufferedBytes } of clients()) this.#unreadBytes += bufferedBytes
    }
  }
}
