// A picture of the state as the replicated log hands it to a member that lags: what is written of it chunk by
// chunk (snapshot.ts), while it is open and the state it shows stands.

import type { LogIndex } from '../../raft/core/types.js'
import type { SnapshotSource } from '../../raft/state-machine.js'
import { BackendError } from './backend.js'
import { asRaftsmanError } from './errors.js'
import type { SnapshotWriter } from './snapshot.js'

export interface Pictured {
  /** The state has not been replaced since. */
  readonly stands: () => boolean
  /** Once, when it is closed. */
  readonly closed: () => void
}

/** Answers before `read` returns. */
export function snapshotSource(
  index: LogIndex,
  writer: SnapshotWriter,
  pictured: Pictured,
): SnapshotSource {
  let open = true
  return {
    index,
    read(bytesMax, answer) {
      let chunk: Uint8Array | null
      try {
        if (!open || !pictured.stands())
          throw new BackendError('backend-closed', 'the snapshot was closed, or its state replaced')
        chunk = writer.read(bytesMax)
      } catch (error) {
        answer(asRaftsmanError(error))
        return
      }
      answer(null, chunk)
    },
    close() {
      if (open) pictured.closed()
      open = false
    },
  }
}
