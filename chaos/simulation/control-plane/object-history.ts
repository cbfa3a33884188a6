// All that became of the objects of the API, in the order in which the store's members applied it: the truth
// that everything else is held against. It reads the entries of the log as the first member applies them.

import type { KubeObject } from '../../../orchestrator/api/object.js'
import type { Entry } from '../../../raft/core/types.js'
import { type Command, type CommandResult, decodeCommands } from '../../../store/core/command.js'
import type { DeleteRangeRequest, PutRequest, RequestOp } from '../../../store/core/types.js'
import type { BornState } from '../store/state-file.js'

/** An object before and after a write; null where there is none. Never both. */
export interface ObjectChange {
  /** As in "core/pods" and "apps/deployments". */
  readonly resource: string
  readonly before: KubeObject | null
  readonly after: KubeObject | null
  readonly revision: number
}

const prefix = '/registry/'
const decoder = new TextDecoder()

export class ObjectHistory {
  readonly objects = new Map<string, KubeObject>()
  /** The same ones apart, as in "core/pods", by key. */
  private readonly byResource = new Map<string, Map<string, KubeObject>>()
  /** Of those that there are now. */
  readonly uids = new Map<string, KubeObject>()
  private readonly onChange: (change: ObjectChange) => void
  private index = 0
  /** Of the last write. */
  revision = 0

  constructor(onChange: (change: ObjectChange) => void) {
    this.onChange = onChange
  }

  /** What was there before the first entry, which is nobody's change. */
  begin({ meta, rows }: BornState): void {
    for (const { kv } of rows) {
      const name = decoder.decode(kv.key)
      const resource = resourceOf(name)
      if (resource !== null) this.keep(resource, name, kv.value, kv.modRevision)
    }
    this.revision = meta.revision
  }

  /** Those of a resource, by key. */
  of(resource: string): Iterable<KubeObject> {
    return this.byResource.get(resource)?.values() ?? []
  }

  at(resource: string, namespace: string, name: string): KubeObject | null {
    const place = namespace === '' ? name : `${namespace}/${name}`
    return this.objects.get(`${prefix}${resource}/${place}`) ?? null
  }

  /** Some member has applied an entry; only the first one's word counts. */
  applied(entry: Entry, results: readonly CommandResult[]): void {
    if (entry.index <= this.index) return
    this.index = entry.index
    if (entry.kind !== 'normal' || entry.data.length === 0) return
    for (const [at, command] of decodeCommands(entry.data).entries()) {
      const result = results[at]
      if (result?.ok === true) this.command(command, result)
    }
  }

  private command(command: Command, result: Extract<CommandResult, { ok: true }>): void {
    if (!('response' in result) || !('header' in result.response)) return
    const { revision } = result.response.header
    // What was asked for again was done before, and changes nothing.
    if (revision <= this.revision) return
    if (command.kind === 'put') this.put(command.request, revision)
    else if (command.kind === 'deleteRange') this.delete(command.request, revision)
    else if (command.kind === 'txn' && result.kind === 'txn') {
      const { success, failure } = command.request
      for (const op of result.response.succeeded ? success : failure) this.operation(op, revision)
    }
    this.revision = revision
  }

  private operation(op: RequestOp, revision: number): void {
    if (op.kind === 'put') this.put(op.request, revision)
    else if (op.kind === 'deleteRange') this.delete(op.request, revision)
  }

  private put({ key, value }: PutRequest, revision: number): void {
    const name = decoder.decode(key)
    const resource = resourceOf(name)
    if (resource === null) return
    const before = this.objects.get(name) ?? null
    const after = this.keep(resource, name, value, revision)
    this.onChange({ resource, before, after, revision })
  }

  private keep(resource: string, name: string, value: Uint8Array, revision: number): KubeObject {
    const parsed = JSON.parse(decoder.decode(value)) as KubeObject
    const object = {
      ...parsed,
      metadata: { ...parsed.metadata, resourceVersion: String(revision) },
    }
    this.objects.set(name, object)
    const others = this.byResource.get(resource)
    if (others === undefined) this.byResource.set(resource, new Map([[name, object]]))
    else others.set(name, object)
    this.uids.set(object.metadata.uid ?? '', object)
    return object
  }

  private delete({ key, end }: DeleteRangeRequest, revision: number): void {
    const name = decoder.decode(key)
    const before = this.objects.get(name)
    const resource = resourceOf(name)
    // Objects are deleted one by one.
    if (end !== undefined || before === undefined || resource === null) return
    this.objects.delete(name)
    this.byResource.get(resource)?.delete(name)
    this.uids.delete(before.metadata.uid ?? '')
    this.onChange({ resource, before, after: null, revision })
  }
}

/** Events are nobody's truth, and most of what is written. */
const ignored = new Set(['core/events', 'events.k8s.io/events'])

function resourceOf(key: string): string | null {
  if (!key.startsWith(prefix)) return null
  const [group = '', plural = ''] = key.slice(prefix.length).split('/')
  const resource = `${group}/${plural}`
  return ignored.has(resource) ? null : resource
}
