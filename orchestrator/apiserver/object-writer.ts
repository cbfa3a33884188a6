// Writes to single objects: read, decide, compare and swap, again on a conflict. Counterpart:
// registry/generic/registry/store.go. What an object becomes is decided by pure functions that
// callers pass in; they may run several times.

import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Random } from '../../platform/random.js'
import type { Kind } from '../api/kind.js'
import type { KubeObject } from '../api/object.js'
import { alreadyExists, conflict, invalid, notFound } from '../api/status.js'
import { deletionFinished } from './deletion.js'
import { sameJson } from '../api/equality.js'
import { ConversionNeeded } from '../api/custom/conversions.js'
import type { ConversionClient } from './conversion-client.js'
import type { EventLease } from './event-lease.js'
import { objectKey, resourceOfKind } from './keys.js'
import { asJson, withMetadata } from './object-fields.js'
import type { ObjectReader } from './object-reader.js'
import { storeError } from './object-storage.js'
import type { BesideWrite, Commit, ObjectStorage } from './object-storage.js'
import { newIdentity } from './object-identity.js'
import type { QuotaLedger, QuotaWrite } from './quota-ledger.js'
import { addressOfKey, serviceAddress } from './service-address.js'
import { claimErrors, heldKeys, planAllocation } from './service-allocation.js'
import type { AllocationPlan, AllocationResult } from './service-allocation.js'
import { readyRanges } from './service-ranges.js'
import { encodeObject, StoredObject } from './stored-object.js'

/** Rounds against other writers before the client is told of the conflict. */
const conflictRoundsMax = 16
const claimRoundsMax = 8
/** Rounds against others who charge the same quotas. */
const quotaRoundsMax = 64

export type Change =
  | { readonly kind: 'put'; readonly object: KubeObject }
  | { readonly kind: 'remove' }
  | { readonly kind: 'none' }

export interface ChangeResult {
  readonly object: StoredObject
  readonly removed: boolean
}

export interface ObjectWriterOptions {
  readonly storage: ObjectStorage
  readonly reader: ObjectReader
  readonly conversions: ConversionClient | null
  readonly eventLease: EventLease
  readonly clock: Clock
  readonly random: Random
  readonly quotas: QuotaLedger
}

export class ObjectWriter {
  readonly #options: ObjectWriterOptions

  constructor(options: ObjectWriterOptions) {
    this.#options = options
  }

  /** The object is complete and valid. Throws ApiError AlreadyExists, Invalid, Timeout. */
  async create(kind: Kind, object: KubeObject, dryRun: boolean): Promise<StoredObject> {
    const { namespace = '', name = '' } = object.metadata
    const key = keyOf(kind, namespace, name)
    if (dryRun) {
      const existing = await this.#options.storage.read(key)
      if (existing !== null) throw alreadyExists(kind, name)
      const { object: complete } = await this.#allocate(kind, object, null, new Set())
      await this.#options.quotas.charges({ kind, key, object: complete, old: null }, false)
      return new StoredObject(key, 0, encodeObject(complete))
    }
    const commit = await this.#commit(kind, key, 0, object, null)
    if (commit.result.kind === 'conflict') throw alreadyExists(kind, name)
    return new StoredObject(key, commit.revision, commit.value)
  }

  /**
   * Changes what is there. `decide` depends on nothing but the object, and on those whom admission
   * asks; when it throws on a state that may be stale, it is asked again with the newest one. Throws ApiError NotFound, Conflict, Timeout.
   */
  async change(
    kind: Kind,
    namespace: string,
    name: string,
    decide: (current: KubeObject) => Change | Promise<Change>,
    dryRun: boolean,
  ): Promise<ChangeResult> {
    const key = keyOf(kind, namespace, name)
    const cached = this.#options.reader.cached(kind, namespace, name)
    let current = cached ?? (await this.#newest(kind, key, name))
    let proven = cached === undefined
    for (let round = 0; round < conflictRoundsMax; round++) {
      const attempt = await this.#attempted(() => decide(current.object))
      const refused = 'error' in attempt
      const idle = !refused && (attempt.value.kind === 'none' || isSame(attempt.value, current))
      if ((refused || idle) && !proven) {
        // Only the newest state may refuse a client or tell it that nothing is to be done.
        const newest = await this.#newest(kind, key, name)
        proven = true
        if (newest.revision !== current.revision) {
          current = newest
          continue
        }
      }
      if (refused) throw attempt.error
      if (idle) return { object: current, removed: false }
      const change = finished(kind, attempt.value)
      if (dryRun) return await this.#imagined(kind, key, change, current)
      const outcome = await this.#commitChange(kind, key, current, change)
      if (outcome.kind === 'done') return outcome.result
      if (outcome.current === null) throw notFound(kind, name)
      current = outcome.current
      proven = true
    }
    throw conflict(kind, name)
  }

  /** What only a webhook knows is asked for first. Throws ApiError where it does not answer. */
  async #attempted<T>(work: () => T | Promise<T>): Promise<Attempt<T>> {
    const { conversions } = this.#options
    return conversions === null ? attempted(work) : conversions.settled(() => attempted(work))
  }

  async #newest(kind: Kind, key: string, name: string): Promise<StoredObject> {
    const found = await this.#options.storage.read(key)
    if (found === null) throw notFound(kind, name)
    return found
  }

  async #imagined(
    kind: Kind,
    key: string,
    change: Change,
    current: StoredObject,
  ): Promise<ChangeResult> {
    if (change.kind !== 'put') return { object: current, removed: change.kind === 'remove' }
    const { object } = await this.#allocate(kind, change.object, current.object, new Set())
    await this.#options.quotas.charges({ kind, key, object, old: current.object }, false)
    return {
      object: new StoredObject(key, current.revision, encodeObject(object)),
      removed: false,
    }
  }

  async #commitChange(
    kind: Kind,
    key: string,
    current: StoredObject,
    change: Change,
  ): Promise<
    | { readonly kind: 'done'; readonly result: ChangeResult }
    | { readonly kind: 'conflict'; readonly current: StoredObject | null }
  > {
    if (change.kind === 'put') {
      const commit = await this.#commit(kind, key, current.revision, change.object, current.object)
      if (commit.result.kind === 'conflict') {
        return { kind: 'conflict', current: commit.result.current }
      }
      const object = new StoredObject(key, commit.revision, commit.value)
      return { kind: 'done', result: { object, removed: false } }
    }
    const write = { kind, key, object: null, old: current.object }
    const commit = await this.#charged(write, beside =>
      this.#options.storage.commit({
        key,
        expected: current.revision,
        value: null,
        lease: 0,
        claims: new Map(),
        releases: isService(kind) ? heldKeys(current.object) : [],
        beside,
      }),
    )
    if (commit.kind !== 'committed') {
      return { kind: 'conflict', current: commit.kind === 'conflict' ? commit.current : null }
    }
    return { kind: 'done', result: { object: current, removed: true } }
  }

  /** Writes, and picks other numbers for a Service as long as somebody else takes those picked. */
  async #commit(
    kind: Kind,
    key: string,
    expected: number,
    object: KubeObject,
    old: KubeObject | null,
  ): Promise<{
    readonly result: Exclude<Commit, { kind: 'claimed' | 'overtaken' | 'outdated' }>
    readonly revision: number
    readonly value: Uint8Array
  }> {
    const lost = new Set<string>()
    const counted = this.#options.quotas.counted(kind, object)
    for (let round = 0; round < claimRoundsMax; round++) {
      const plan = await this.#allocate(kind, counted, old, lost)
      const claims = plan.claims.map(
        claim => [claim, this.#claimValue(claim, plan.object, key)] as const,
      )
      const write = { kind, key, object: plan.object, old }
      const value = encodeObject(plan.object)
      const result = await this.#charged(write, beside =>
        this.#commitOnce(kind, {
          key,
          expected,
          value,
          claims: new Map(claims),
          releases: plan.releases,
          bases: plan.bases,
          beside,
        }),
      )
      if (result.kind === 'outdated') {
        await this.#options.reader.fresh(result.revision)
        continue
      }
      if (result.kind !== 'claimed') {
        const revision = result.kind === 'committed' ? result.revision : 0
        return { result, revision, value }
      }
      const errors = claimErrors(plan, result.keys)
      if (errors.length > 0) throw invalid(kind, object.metadata.name ?? '', errors)
      for (const claim of result.keys) lost.add(claim)
    }
    throw conflict(kind, object.metadata.name ?? '', 'no free cluster IP or node port was found')
  }

  /** Commits with what the write costs its quotas, again as long as somebody else charges them. */
  async #charged(
    write: QuotaWrite,
    commit: (beside: readonly BesideWrite[]) => Promise<Commit>,
  ): Promise<Exclude<Commit, { kind: 'overtaken' }>> {
    for (let round = 0; round < quotaRoundsMax; round++) {
      const beside = await this.#options.quotas.charges(write, round > 0)
      const result = await commit(beside)
      if (result.kind !== 'overtaken') return result
    }
    const name = (write.object ?? write.old)?.metadata.name ?? ''
    throw conflict(write.kind, name, 'its quotas are charged by too many others at once')
  }

  /** What stands at a claimed key: an address says whose it is, a number who has it. */
  #claimValue(claim: string, service: KubeObject, holder: string): Uint8Array {
    const ip = addressOfKey(claim)
    if (ip === null) return new TextEncoder().encode(holder)
    const { clock, random } = this.#options
    return encodeObject(serviceAddress(ip, service, newIdentity(clock, random)))
  }

  async #commitOnce(
    kind: Kind,
    write: Omit<Parameters<ObjectStorage['commit']>[0], 'lease'>,
  ): Promise<Commit> {
    const { storage, eventLease } = this.#options
    if (kind.plural !== 'events') return storage.commit({ ...write, lease: 0 })
    for (let round = 0; ; round++) {
      try {
        return await storage.commit({ ...write, lease: await eventLease.id() })
      } catch (error) {
        // The lease may have run out while the store was away.
        const leaseGone = error instanceof RaftsmanError && error.code === 'lease-not-found'
        if (!leaseGone || round > 0) throw storeError(error)
        eventLease.forget()
      }
    }
  }

  async #allocate(
    kind: Kind,
    object: KubeObject,
    old: KubeObject | null,
    lost: ReadonlySet<string>,
  ): Promise<AllocationPlan> {
    if (!isService(kind)) return unallocated(object)
    let result = this.#planned(object, old, lost)
    if (result.kind === 'invalid') {
      // Only the newest state may refuse: ranges become ready and addresses free at other masters too.
      await this.#options.reader.fresh()
      result = this.#planned(object, old, lost)
    }
    if (result.kind === 'invalid') throw invalid(kind, object.metadata.name ?? '', result.errors)
    return result.plan
  }

  #planned(
    object: KubeObject,
    old: KubeObject | null,
    lost: ReadonlySet<string>,
  ): AllocationResult {
    const { reader, random } = this.#options
    const taken = new Set(lost)
    for (const service of reader.cachedList('', 'services', '')) {
      for (const key of heldKeys(service.object)) taken.add(key)
    }
    // Users may keep addresses for themselves.
    for (const { key } of reader.cachedList('networking.k8s.io', 'ipaddresses', '')) taken.add(key)
    const ranges = readyRanges(reader.cachedList('networking.k8s.io', 'servicecidrs', ''))
    return planAllocation(object, old, { ranges, random, taken })
  }
}

function unallocated(object: KubeObject): AllocationPlan {
  return { object, claims: [], releases: [], named: new Map(), bases: new Map() }
}

function isService(kind: Kind): boolean {
  return kind.group === '' && kind.plural === 'services'
}

export function keyOf(kind: Kind, namespace: string, name: string): string {
  return objectKey(resourceOfKind(kind), kind.namespaced ? namespace : '', name)
}

/** An update that takes the last hold off a marked object removes it. */
function finished(kind: Kind, change: Change): Change {
  return change.kind === 'put' && deletionFinished(kind, change.object)
    ? { kind: 'remove' }
    : change
}

function isSame(change: Change, current: StoredObject): boolean {
  if (change.kind !== 'put') return false
  const bare = (object: KubeObject) => asJson(withMetadata(object, { resourceVersion: undefined }))
  return sameJson(bare(change.object), bare(current.object))
}

type Attempt<T> = { readonly value: T } | { readonly error: unknown }

/** Waits only for what has to be waited for. */
function attempted<T>(work: () => T | Promise<T>): Attempt<T> | Promise<Attempt<T>> {
  const refused = (error: unknown): Attempt<T> => {
    if (error instanceof ConversionNeeded) throw error
    return { error }
  }
  try {
    const value = work()
    return value instanceof Promise ? value.then(value => ({ value }), refused) : { value }
  } catch (error) {
    return refused(error)
  }
}
