// Drives a state machine as a single member's log would: one command an entry unless told otherwise.

import { MemoryBackend } from '../../backend/memory.js'
import type { Entry } from '../../../raft/core/types.js'
import type { Backend } from '../backend.js'
import type { Command, CommandResult } from '../command.js'
import { applyWhole, localEntry } from '../local-entry.js'
import { StoreCore } from '../store-core.js'
import type { StoreCoreConfig } from '../store-core-config.js'
import type {
  Bytes,
  KeyValue,
  PutRequest,
  RangeRequest,
  TxnRequest,
  TxnResponse,
  WatchEvent,
} from '../types.js'

export const bytes = (text: string): Bytes => Buffer.from(text, 'latin1')
export const text = (value: Bytes): string => Buffer.from(value).toString('latin1')

export const show = (kv: KeyValue): string =>
  `${text(kv.key)}=${text(kv.value)} c${kv.createRevision} m${kv.modRevision} v${kv.version}`

export const showEvent = (event: WatchEvent): string =>
  event.kind === 'put'
    ? `put ${text(event.kv.key)}=${text(event.kv.value)} @${event.kv.modRevision}`
    : `delete ${text(event.kv.key)} @${event.kv.modRevision}`

type ResponseOf<K> =
  Extract<CommandResult, { kind: K }> extends { readonly response: infer R } ? R : never

export class Driver {
  core: StoreCore
  term = 1
  /** Everything applied, for replays. */
  readonly entries: Entry[] = []

  constructor(config: Partial<StoreCoreConfig> = {}, backend: Backend = new MemoryBackend()) {
    this.core = new StoreCore(backend, { clusterId: 7, memberId: 1, ...config })
  }

  batch(commands: readonly Command[]): readonly CommandResult[] {
    const entry = localEntry(this.core.appliedIndex + 1, this.term, commands)
    this.entries.push(entry)
    const results = applyWhole(this.core, entry)
    this.core.applied()
    return results
  }

  /** The answer; throws the error of a refused command. */
  run<K extends Command['kind']>(command: Command & { kind: K }): ResponseOf<K> {
    const [result] = this.batch([command])
    if (result === undefined) throw new Error('no result')
    if (!result.ok) throw result.error
    return result.response as ResponseOf<K>
  }

  /** The error of a command that has to be refused, as its code. */
  refusal(command: Command): string {
    const [result] = this.batch([command])
    if (result === undefined || result.ok) throw new Error('it was not refused')
    return result.error.code
  }

  put(key: string, value: string, more: Partial<PutRequest> = {}) {
    return this.run({ kind: 'put', request: { key: bytes(key), value: bytes(value), ...more } })
  }

  delete(key: string, end?: string, prevKv = false) {
    const range = end === undefined ? { key: bytes(key) } : { key: bytes(key), end: bytes(end) }
    return this.run({ kind: 'deleteRange', request: { ...range, prevKv } })
  }

  txn(request: Partial<TxnRequest>): TxnResponse {
    const txn = { compare: [], success: [], failure: [], ...request }
    return this.run<'txn'>({ kind: 'txn', request: txn })
  }

  compact(revision: number) {
    return this.run({ kind: 'compact', request: { revision } })
  }

  grant(id: number, ttlSeconds: number) {
    return this.run({ kind: 'leaseGrant', id, ttlSeconds })
  }

  /** The present state takes its own place, as one of another member would. */
  restoreFromItself(): void {
    const { core } = this
    core.openSnapshot((error, source) => {
      if (error !== null || source === undefined) throw error ?? new Error('no snapshot')
      core.beginRestore(core.appliedIndex, (refused, sink) => {
        if (refused !== null || sink === undefined) throw refused ?? new Error('no sink')
        const done = (failed: Error | null): void => {
          if (failed !== null) throw failed
        }
        const step = (): void => {
          source.read(10_000, (failed, chunk) => {
            if (failed !== null) throw failed
            if (chunk === null || chunk === undefined) sink.commit(done)
            else sink.write(chunk, step)
          })
        }
        step()
        source.close()
      })
    })
  }

  range(key: string, end?: string, more: Partial<RangeRequest> = {}): string[] {
    const range = end === undefined ? { key: bytes(key) } : { key: bytes(key), end: bytes(end) }
    return this.core.range({ ...range, ...more }).kvs.map(show)
  }
}
