// A conversation with a server of etcd's API, written down so that it can be compared with the same one
// with another server.

import { CallFailed } from './etcd-client.js'
import type { EtcdClient, Method, Stream } from './etcd-client.js'
import * as methods from './methods.js'

const utf8 = (text: string) => Buffer.from(text)

/** Bytes as text, and nothing of who answered. */
export function told(value: unknown): unknown {
  if (value instanceof Uint8Array) return String(Buffer.from(value))
  if (Array.isArray(value)) return value.map(told)
  if (typeof value !== 'object' || value === null) return value
  const {
    clusterId: _cluster,
    memberId: _member,
    raftTerm: _term,
    ...rest
  } = value as Record<string, unknown>
  return Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, told(one)]))
}

type Told = { readonly watchId: number }

/** Answers of a conversation, errors among them. */
export class Talk {
  readonly client: EtcdClient
  readonly answers: unknown[] = []

  constructor(client: EtcdClient) {
    this.client = client
  }

  async call<Q, A>(method: Method<Q, A>, request: Q): Promise<A | null> {
    try {
      const answer = await this.client.call(method, request)
      this.answers.push(told(answer))
      return answer
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error
      this.answers.push(error.message)
      return null
    }
  }

  /** Answers of one moment, in the order of their watches: etcd's own is that of a hash table. */
  async take(stream: Stream<never, Told>, count: number): Promise<void> {
    const answers = (await stream.take(count)).sort((a, b) => a.watchId - b.watchId)
    for (const answer of answers) this.answers.push(told(answer))
  }

  put(key: string, value: string) {
    return this.call(methods.put, { key: utf8(key), value: utf8(value) })
  }
}
