// Sealing of messages that rest on a disk write. Thesis of Ongaro 10.2.1: a leader may send before
// its own write returns, but a vote and an acknowledgement never leave before theirs.
// The seal is a type alone: nothing is allocated. Only raft.ts may open one, in two places: when
// the task that carries it is durable, or at once when nothing is left to be written at all.

import type { AfterDurable, Message } from './types.js'

export function seal(message: Message): AfterDurable {
  return message as unknown as AfterDurable
}

/** Call only when everything handed to storage before the seal was made is durable. */
export function openSeals(sealed: readonly AfterDurable[]): readonly Message[] {
  return sealed as unknown as readonly Message[]
}
