// Which member of an etcd cluster to talk to, and calls that go on at the next one. A channel connects
// and reconnects by itself; here one is left when it fails, for the next in the list. Reads are asked
// again, writes only where they certainly did not happen.

import { assert, must } from '../../../platform/errors.js'
import type { Clock } from '../../../platform/clock.js'
import type { Logger } from '../../../platform/logger.js'
import type { Address } from '../../../platform/network.js'
import type { Random } from '../../../platform/random.js'
import type { OpenChannel, RpcAnswer, RpcChannel } from '../../../platform/rpc-channel.js'
import type { StoreClientError } from '../call.js'
import { clientError } from '../call.js'
import { etcdFailure } from './status.js'

/** A member that has lost its leader says so at once instead of letting callers wait. */
export const metadata = { hasleader: 'true' }

const retryMs = 60
const retryMsMax = 500
/** A read that is not answered within this time is asked of another member. */
const readMsMax = 3_000

export interface MembersOptions {
  readonly endpoints: readonly Address[]
  readonly open: OpenChannel
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly requestTimeoutMs: number
  readonly callsMax: number
  readonly callBytesMax: number
}

export interface Call {
  readonly path: string
  readonly request: Uint8Array
  /** Changes nothing: may be asked twice. */
  readonly harmless: boolean
}

/** One attempt at a channel, bounded by `deadlineMs`. */
export type Attempt = (
  channel: RpcChannel,
  deadlineMs: number,
  done: (answer: RpcAnswer) => void,
) => void

export class EtcdMembers {
  readonly #options: MembersOptions
  readonly #channels: readonly RpcChannel[]
  readonly #unanswered = new Map<object, (error: StoreClientError) => void>()
  #at = 0
  #bytes = 0
  #closed = false
  /** New streams belong there from now on. */
  onChange: (channel: RpcChannel) => void = () => {}

  constructor(options: MembersOptions) {
    assert(options.endpoints.length > 0, 'an etcd cluster has an endpoint')
    this.#options = options
    this.#channels = options.endpoints.map(address => options.open(address))
  }

  get current(): RpcChannel {
    return must(this.#channels[this.#at], 'the current channel is one of them')
  }

  /** The channel did not serve: if it is in use, the next one is from now on. */
  blame(channel: RpcChannel, reason: string): void {
    if (this.#closed || channel !== this.current || this.#channels.length === 1) return
    this.#at = (this.#at + 1) % this.#channels.length
    const { address } = this.current
    this.#options.logger.info({ left: channel.address, address, reason }, 'another member is used')
    this.onChange(this.current)
  }

  call({ path, request, harmless }: Call): Promise<Uint8Array> {
    const attempt: Attempt = (channel, deadlineMs, done) =>
      channel.call(path, request, metadata, deadlineMs, done)
    return this.repeat(attempt, request.length, harmless)
  }

  repeat(attempt: Attempt, bytes: number, harmless: boolean): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(bytes)
      if (refusal !== null) {
        reject(refusal)
        return
      }
      const key = {}
      this.#bytes += bytes
      const finish = () => {
        this.#unanswered.delete(key)
        this.#bytes -= bytes
      }
      this.#unanswered.set(key, error => {
        finish()
        reject(error)
      })
      const { clock, requestTimeoutMs } = this.#options
      const deadlineMs = clock.monotonicMs() + requestTimeoutMs
      this.#attempt(attempt, harmless, deadlineMs, 0, (error, answer) => {
        if (!this.#unanswered.has(key)) return
        finish()
        if (error === null) resolve(must(answer, 'without error there is an answer'))
        else reject(error)
      })
    })
  }

  close(): void {
    this.#closed = true
    for (const fail of this.#unanswered.values()) fail(closed('unknown'))
    for (const channel of this.#channels) channel.close()
  }

  #attempt(
    attempt: Attempt,
    harmless: boolean,
    deadlineMs: number,
    attempts: number,
    done: (error: StoreClientError | null, answer?: Uint8Array) => void,
  ): void {
    const { clock, random } = this.#options
    const channel = this.current
    const leftMs = Math.max(1, deadlineMs - clock.monotonicMs())
    attempt(channel, harmless ? Math.min(leftMs, readMsMax) : leftMs, answer => {
      if (answer.failure === null) {
        done(null, answer.message)
        return
      }
      const { error, elsewhere } = etcdFailure(answer.failure, channel.address, harmless)
      if (elsewhere) this.blame(channel, error.message)
      const pauseMs = Math.min(retryMsMax, retryMs * 2 ** attempts) * (0.5 + random.next() / 2)
      const inTime = clock.monotonicMs() + pauseMs < deadlineMs
      if (!elsewhere || error.outcome === 'unknown' || !inTime || this.#closed) {
        done(error)
        return
      }
      clock.setTimer(pauseMs, () =>
        this.#attempt(attempt, harmless, deadlineMs, Math.min(attempts + 1, 8), done),
      )
    })
  }

  #refusal(bytes: number): StoreClientError | null {
    const { callsMax, callBytesMax } = this.#options
    if (this.#closed) return closed('not-applied')
    if (this.#unanswered.size >= callsMax) {
      const message = `${callsMax} calls are unanswered already; wait for some of them`
      return clientError('too-many-requests', message, { retryable: true })
    }
    if (this.#bytes + bytes > callBytesMax) {
      const message = `unanswered calls hold ${callBytesMax} bytes already; wait for some of them`
      return clientError('too-many-requests', message, { retryable: true })
    }
    return null
  }
}

function closed(outcome: 'unknown' | 'not-applied'): StoreClientError {
  return clientError('client-closed', 'the store client is closed', { retryable: false, outcome })
}
