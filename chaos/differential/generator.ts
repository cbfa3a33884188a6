// Sequences of operations from a seed: few keys, so that they meet, and every option of every call.
// It knows no answer; what it keeps are names of leases and watches, so that most uses have a sense.

import type { Random } from '../../platform/random.js'
import { readersStream } from './operation.js'
import type { Message, Operation, Value } from './operation.js'

const keys: readonly string[] =
  'a aa ab b ba c d e/ e/1 e/2 e/3 e/4 e0 f g h k0 k1 k2 k3 k4 k5 k6 k7 k8 k9'
    .split(' ')
    .concat(['a\0', '\0', '\0\u0001', '\u00ff', '\u00ff\u00ff', '\u00c3\u00a4'])
const ends = ['\0', '\0', 'b', 'c', 'e0', 'f', 'k5', 'l', '\u00ff', 'a', 'a\0'] as const
const values = ['', 'x', 'y', 'zz', '\0', '\u00ff\u00fe', 'a longer value'] as const
const streams = ['s', 't'] as const
/** What the reader may read, when there are users. */
const reads = [{ key: 'a', range_end: 'c' }, { key: 'e/', range_end: 'e0' }, { key: 'k0' }] as const
const leases = ['a', 'b', 'c', 'd'] as const
const strangeIds = [-5, '9007199254740991', '9223372036854775807'] as const
/** Of an enum: a value that has no name. */
const unknown = 9
/** After so many watches a stream is closed, so that not every write has a crowd to wait for. */
const watchesAStreamMax = 6
const watchIdMax = 6
const watchesAtOnceMax = 5
const settleEvery = 250
/** Nine of them fit into a request, and with what was before into no message. */
const largeBytes = 150_000
const sceneProbability = 0.0005
/** Above what etcd takes in a request. */
const tooManyBytes = 1_600_000

export class Generator {
  readonly #random: Random
  readonly #watches = new Map<string, number>()
  readonly #streams: readonly string[]
  /** Of a scene that has begun; nothing comes between. */
  #planned: Operation[] = []
  #sinceSettled = 0

  constructor(random: Random) {
    this.#random = random
    const users = this.#chance(0.5)
    this.#streams = users ? [...streams, readersStream, readersStream] : streams
    if (users) this.#planned = [{ call: 'Users', reads }]
  }

  next(): Operation {
    const planned = this.#planned.shift()
    if (planned !== undefined) return planned
    this.#sinceSettled += 1
    if (this.#sinceSettled >= settleEvery) {
      this.#sinceSettled = 0
      return { call: 'Settle' }
    }
    if (this.#chance(sceneProbability)) {
      this.#planned = this.#chance(0.5) ? this.#expiry() : this.#fragments()
      return this.next()
    }
    return this.#weighted<Operation>([
      [340, () => ({ call: 'Range', request: this.#range() })],
      [200, () => ({ call: 'Put', request: this.#put() })],
      [60, () => ({ call: 'DeleteRange', request: this.#deleteRange() })],
      [250, () => ({ call: 'Txn', request: this.#txn(0) })],
      [6, () => ({ call: 'Compact', request: this.#compaction() })],
      [20, () => this.#grant()],
      [12, () => ({ call: 'LeaseRevoke', request: { ID: this.#lease() } })],
      [12, () => ({ call: 'LeaseKeepAlive', request: { ID: this.#lease() } })],
      [
        20,
        () => ({
          call: 'LeaseTimeToLive',
          request: this.#withSome({ ID: this.#lease() }, { keys: true }),
        }),
      ],
      [8, () => ({ call: 'LeaseLeases', request: {} })],
      [20, () => this.#watchOperation()],
      [
        1,
        () => ({
          call: 'Put',
          request: { key: 'big', value: { repeat: 'x', times: tooManyBytes } },
        }),
      ],
    ])
  }

  /** A lease runs out, and takes its keys with it. Meanwhile nothing is written, for when is up to a server. */
  #expiry(): Operation[] {
    const lease = '$brief'
    const keysOfIt = ['brief/1', 'brief/2', this.#one(keys)]
    const puts = keysOfIt.map(key => ({ request_put: { key, value: 'x', lease } }))
    const kept: Operation[] = this.#chance(0.3)
      ? [{ call: 'LeaseKeepAlive', request: { ID: lease } }]
      : []
    return [
      { call: 'LeaseGrant', request: { TTL: this.#random.integer(2) }, as: 'brief' },
      { call: 'Txn', request: { success: puts } },
      ...kept,
      { call: 'Expiry', key: 'brief/1' },
      { call: 'LeaseTimeToLive', request: { ID: lease, keys: true } },
      { call: 'LeaseKeepAlive', request: { ID: lease } },
      { call: 'LeaseRevoke', request: { ID: lease } },
      { call: 'Put', request: { key: 'brief/1', lease } },
      { call: 'Range', request: { key: '\0', range_end: '\0' } },
      { call: 'Settle' },
    ]
  }

  /** A revision whose events, with what was before, are more than one message takes, now and from history. */
  #fragments(): Operation[] {
    const stream = 'fragments'
    const where = { key: 'large/', range_end: 'large0' }
    const watch = { ...where, ...this.#some({ prev_kv: true, fragment: true }, 0.8) }
    const write = (repeat: string): Operation => {
      const success = Array.from({ length: 9 }, (_, at) => ({
        request_put: { key: `large/${at}`, value: { repeat, times: largeBytes } },
      }))
      return { call: 'Txn', request: { success } }
    }
    return [
      { call: 'Watch', stream, request: watch },
      write('x'),
      write('y'),
      { call: 'Settle' },
      { call: 'WatchProgress', stream },
      { call: 'Watch', stream, request: { ...watch, start_revision: 'now-2' } },
      { call: 'DeleteRange', request: { ...where, prev_kv: true } },
      { call: 'Settle' },
      { call: 'WatchClose', stream },
    ]
  }

  #watchOperation(): Operation {
    const stream = this.#one(this.#streams)
    if (this.#chance(0.08)) return { call: 'WatchProgress', stream }
    const begun = this.#watches.get(stream) ?? 0
    if (begun >= watchesAStreamMax) {
      this.#watches.delete(stream)
      return { call: 'WatchClose', stream }
    }
    if (begun > 0 && this.#chance(0.25)) {
      return { call: 'WatchCancel', stream, watch: this.#random.integer(watchIdMax + 1) }
    }
    const count = this.#chance(0.3) ? 2 + this.#random.integer(watchesAtOnceMax - 1) : 1
    this.#watches.set(stream, begun + count)
    if (count === 1) return { call: 'Watch', stream, request: this.#watch() }
    const requests = Array.from({ length: count }, () => this.#watch())
    return { call: 'Watches', stream, requests }
  }

  #watch(): Message {
    const some: Record<string, Value> = { progress_notify: true, prev_kv: true, fragment: true }
    const watch: Record<string, Value> = { ...this.#where(), ...this.#some(some) }
    // One that sees nothing at all cannot be waited for, so it must not have to catch up.
    if (this.#chance(0.02)) watch['filters'] = ['NOPUT', 'NODELETE']
    else {
      if (this.#chance(0.4)) watch['start_revision'] = this.#startRevision()
      if (this.#chance(0.3))
        watch['filters'] = this.#one([['NOPUT'], ['NODELETE'], ['NOPUT', 'NOPUT'], [unknown]])
    }
    if (this.#chance(0.6)) watch['watch_id'] = 1 + this.#random.integer(watchIdMax)
    return watch
  }

  /** From where a watch begins: mostly a little back, sometimes compacted, sometimes to come. */
  #startRevision(): Value {
    return this.#weighted<Value>([
      [6, () => `now-${this.#random.integer(40)}`],
      [2, () => `now+${this.#random.integer(4)}`],
      [1, () => 1],
      [1, () => `now-${this.#random.integer(400)}`],
    ])
  }

  #grant(): Operation {
    const TTL = this.#weighted<Value>([
      [10, () => 1_000 + this.#random.integer(9_000)],
      [1, () => 9_000_000_000],
      [1, () => 9_000_000_001],
      [1, () => '9223372036854775807'],
    ])
    if (this.#chance(0.5)) return { call: 'LeaseGrant', request: { TTL }, as: this.#one(leases) }
    const ID = this.#chance(0.05) ? this.#one(strangeIds) : 100 + this.#random.integer(6)
    return { call: 'LeaseGrant', request: { TTL, ID } }
  }

  /** Mostly one that was granted. */
  #lease(): Value {
    return this.#weighted<Value>([
      [8, () => `$${this.#one(leases)}`],
      [4, () => 100 + this.#random.integer(6)],
      [1, () => 0],
      [1, () => 4711],
      [1, () => -5],
    ])
  }

  #compaction(): Message {
    const revision = this.#weighted<Value>([
      [6, () => `now-${20 + this.#random.integer(200)}`],
      [2, () => `now-${this.#random.integer(3)}`],
      [1, () => `now+${1 + this.#random.integer(2)}`],
      [1, () => 0],
      [1, () => -3],
      [1, () => '9223372036854775807'],
    ])
    return this.#withSome({ revision }, { physical: true })
  }

  #where(): Record<string, Value> {
    const key = this.#key()
    return this.#weighted<Record<string, Value>>([
      [5, () => ({ key })],
      [4, () => ({ key, range_end: this.#one(ends) })],
      [1, () => ({ key, range_end: this.#key() })],
      [1, () => ({ key, range_end: `${key}\0` })],
      [1, () => ({ key: '\0', range_end: '\0' })],
    ])
  }

  #key(): string {
    return this.#chance(0.01) ? '' : this.#one(keys)
  }

  #range(): Message {
    const near = (): Value => `now-${this.#random.integer(60)}`
    const some: Record<string, Value> = {
      limit: this.#weighted<Value>([
        [6, () => this.#random.integer(6)],
        [1, () => -1],
        [1, () => '9223372036854775807'],
      ]),
      revision: this.#weighted<Value>([
        [8, () => `now-${this.#random.integer(30)}`],
        [2, () => `now-${this.#random.integer(500)}`],
        [2, () => `now+${this.#random.integer(3)}`],
        [1, () => -1],
        [1, () => '9223372036854775807'],
      ]),
      sort_order: this.#one(['NONE', 'ASCEND', 'DESCEND']),
      sort_target: this.#one(['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE']),
      serializable: true,
    }
    const rare: Record<string, Value> = {
      keys_only: true,
      count_only: true,
      min_mod_revision: near(),
      max_mod_revision: near(),
      min_create_revision: near(),
      max_create_revision: near(),
    }
    const strange = { sort_order: unknown, sort_target: unknown }
    return {
      ...this.#where(),
      ...this.#some(some, 0.35),
      ...this.#some(rare, 0.12),
      ...this.#some(strange, 0.002),
    }
  }

  #put(): Message {
    const put: Record<string, Value> = { key: this.#key(), ...this.#some({ prev_kv: true }) }
    if (this.#chance(0.08)) put['ignore_value'] = true
    if (put['ignore_value'] === undefined || this.#chance(0.2)) put['value'] = this.#one(values)
    if (this.#chance(0.08)) put['ignore_lease'] = true
    if (this.#chance(put['ignore_lease'] === undefined ? 0.25 : 0.1)) put['lease'] = this.#lease()
    return put
  }

  #deleteRange(): Message {
    return { ...this.#where(), ...this.#some({ prev_kv: true }) }
  }

  #txn(depth: number): Message {
    const txn: Record<string, Value> = {}
    const compares = this.#list(3, () => this.#compare())
    if (compares.length > 0) txn['compare'] = compares
    for (const branch of ['success', 'failure'] as const) {
      const operations = this.#list(5, () => this.#inner(depth))
      if (operations.length > 0) txn[branch] = operations
    }
    if (this.#chance(0.004)) {
      const many = 127 + this.#random.integer(3)
      txn['success'] = Array.from({ length: many }, (_, at) => ({
        request_put: { key: `m${at}`, value: 'x' },
      }))
    }
    return txn
  }

  #inner(depth: number): Message {
    return this.#weighted<Message>([
      [6, () => ({ request_put: this.#put() })],
      [4, () => ({ request_range: this.#range() })],
      [2, () => ({ request_delete_range: this.#deleteRange() })],
      [depth < 3 ? 2 : 0, () => ({ request_txn: this.#txn(depth + 1) })],
    ])
  }

  #compare(): Message {
    const target = this.#one(['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE'] as const)
    const near = (): Value => `now-${this.#random.integer(40)}`
    const operand = {
      VERSION: () => ({ version: this.#random.integer(4) }),
      CREATE: () => ({ create_revision: this.#chance(0.4) ? 0 : near() }),
      MOD: () => ({ mod_revision: this.#chance(0.3) ? 0 : near() }),
      VALUE: () => ({ value: this.#one(values) }),
      // Ids that servers pick are in no order that both have; beyond those that are known they are.
      LEASE: (result: string) => {
        if (this.#chance(0.3)) return { lease: 0 }
        const ordered = result === 'LESS' || result === 'GREATER'
        return { lease: ordered ? 100 + this.#random.integer(6) : this.#lease() }
      },
    }
    const where = this.#chance(0.7) ? { key: this.#key() } : this.#where()
    const result = this.#one(['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'])
    const strange = this.#some({ result: unknown, target: unknown }, 0.002)
    // Without an operand it is compared with nothing, which is zero or empty.
    const compared: Message = this.#chance(0.03) ? {} : operand[target](result)
    return { result, target, ...where, ...compared, ...strange }
  }

  #list<T>(max: number, make: () => T): T[] {
    return Array.from({ length: this.#random.integer(max + 1) }, make)
  }

  #some(options: Record<string, Value>, probability = 0.4): Record<string, Value> {
    return Object.fromEntries(Object.entries(options).filter(() => this.#chance(probability)))
  }

  #withSome(message: Message, options: Record<string, Value>): Message {
    return { ...message, ...this.#some(options) }
  }

  #chance(probability: number): boolean {
    return this.#random.next() < probability
  }

  #one<T>(choices: readonly T[]): T {
    return choices[this.#random.integer(choices.length)] as T
  }

  #weighted<T>(choices: readonly (readonly [weight: number, make: () => T])[]): T {
    let at = this.#random.integer(choices.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, make] of choices) {
      if (at < weight) return make()
      at -= weight
    }
    throw new RangeError('weights must be whole numbers')
  }
}
