// The binder among users who create and delete, with copies that lag behind the server and a process that may die between
// any two writes: whatever happens, no volume has two claims, and in the end everybody has what is to be had.

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { unreachable } from '../../../platform/errors.js'
import type { KubeObject } from '../../api/object.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import { bindCompleted, capacityOf, isMarked, requestOf } from './binding.js'
import type { Step } from './plan.js'
import { planClaim } from './reconcile.js'
import { claim, storageClass, volume } from './testing/storage-objects.js'
import { planVolume } from './volume-reconcile.js'

/** A server that keeps objects by name and refuses a write on any state but the newest. */
class Server {
  readonly claims = new Map<string, PersistentVolumeClaim>()
  readonly volumes = new Map<string, PersistentVolume>()
  private version = 1

  put<T extends KubeObject>(objects: Map<string, T>, object: T): void {
    const resourceVersion = String(++this.version)
    objects.set(object.metadata.name ?? '', {
      ...object,
      metadata: { ...object.metadata, resourceVersion },
    })
  }

  private replace<T extends KubeObject>(objects: Map<string, T>, object: T): boolean {
    const known = objects.get(object.metadata.name ?? '')
    if (known?.metadata.uid !== object.metadata.uid) return false
    if (known?.metadata.resourceVersion !== object.metadata.resourceVersion) return false
    this.put(objects, object)
    return true
  }

  /** False where it was refused. A status write changes nothing but the status, and the other way round. */
  perform(step: Step): boolean {
    switch (step.kind) {
      case 'update-claim': {
        const { status } = this.claims.get(step.claim.metadata.name ?? '') ?? {}
        return this.replace(this.claims, { ...step.claim, ...(status && { status }) })
      }
      case 'claim-status': {
        const known = this.claims.get(step.claim.metadata.name ?? '')
        const { metadata, status } = step.claim
        return known
          ? this.replace(this.claims, { ...known, metadata, ...(status && { status }) })
          : false
      }
      case 'create-volume':
        if (this.volumes.has(step.volume.metadata.name ?? '')) return false
        this.put(this.volumes, {
          ...step.volume,
          metadata: { ...step.volume.metadata, uid: `uid-${step.volume.metadata.name}` },
          status: { phase: 'Pending' },
        })
        return true
      case 'update-volume': {
        const { status } = this.volumes.get(step.volume.metadata.name ?? '') ?? {}
        return this.replace(this.volumes, { ...step.volume, ...(status && { status }) })
      }
      case 'volume-status': {
        const known = this.volumes.get(step.volume.metadata.name ?? '')
        const { metadata, status } = step.volume
        return known
          ? this.replace(this.volumes, { ...known, metadata, ...(status && { status }) })
          : false
      }
      case 'delete-volume':
      case 'create-pod':
      case 'delete-pod':
        throw new Error(`not expected here: ${step.kind}`)
      default:
        return unreachable(step)
    }
  }
}

/** What a process knows: a copy that may be older than the server, and what it has written itself. */
class View {
  claims: ReadonlyMap<string, PersistentVolumeClaim> = new Map()
  volumes: ReadonlyMap<string, PersistentVolume> = new Map()

  catchUp(server: Server): void {
    this.claims = new Map(server.claims)
    this.volumes = new Map(server.volumes)
  }
}

const fast = storageClass('fast')

function stepFor(server: Server, view: View, what: 'claim' | 'volume', name: string): Step | null {
  const now = '2026-01-01T12:00:00Z'
  if (what === 'claim') {
    const of = view.claims.get(name)
    if (of === undefined) return null
    return planClaim({
      claim: of,
      volumes: [...view.volumes.values()],
      volumeNamed: wanted => view.volumes.get(wanted) ?? null,
      classNamed: wanted => (wanted === 'fast' ? fast : null),
      defaultClass: null,
      consumers: { nodeName: null, waiting: [] },
      nodeNamed: () => null,
      now,
    }).step
  }
  const of = view.volumes.get(name)
  if (of === undefined) return null
  const { name: owner = '', uid } = of.spec?.claimRef ?? {}
  const copy = view.claims.get(owner)
  // As the shell does: a claim that the copy does not show is asked for.
  const asked = copy?.metadata.uid === uid ? copy : server.claims.get(owner)
  const named = asked !== undefined && asked.metadata.uid === uid ? asked : null
  return planVolume({ volume: of, claim: named, recycler: null, nodeGone: false, now }).step
}

function check({ claims, volumes }: Server): void {
  const owners = new Map<string, string>()
  for (const one of claims.values()) {
    const { metadata, spec, status } = one
    // From here on a claim that has no volume of its own is lost; users cannot bring that about here.
    if (!isMarked(one, bindCompleted) && status?.phase !== 'Bound') continue
    const name = spec?.volumeName ?? ''
    expect(owners.get(name), `two claims have ${name}`).toBeUndefined()
    owners.set(name, metadata.uid ?? '')
    expect(volumes.get(name)?.spec?.claimRef?.uid, `${name} points back`).toBe(metadata.uid)
  }
}

const sizes = fc.constantFrom('1Gi', '2Gi', '4Gi')
const index = fc.integer({ min: 0, max: 3 })
const move = fc.oneof(
  fc.record({
    kind: fc.constant('add-claim' as const),
    at: index,
    size: sizes,
    names: fc.option(index),
  }),
  fc.record({
    kind: fc.constant('add-volume' as const),
    at: index,
    size: sizes,
    reserved: fc.option(index),
  }),
  fc.record({ kind: fc.constant('delete-claim' as const), at: index }),
  fc.record({ kind: fc.constant('delete-volume' as const), at: index }),
  fc.record({ kind: fc.constant('catch-up' as const), process: fc.nat({ max: 1 }) }),
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      /** Two processes at work: the one before may not know yet that it leads no more. */
      process: fc.nat({ max: 1 }),
      what: fc.constantFrom('claim' as const, 'volume' as const),
      at: index,
    }),
  },
)

test('whatever lags or dies, no volume has two claims, and at last all is bound that can be', () => {
  fc.assert(
    fc.property(fc.array(move, { minLength: 20, maxLength: 120 }), moves => {
      const server = new Server()
      const views = [new View(), new View()]
      let births = 0
      for (const one of moves) {
        const name = one.kind === 'catch-up' ? '' : `${one.at}`
        switch (one.kind) {
          case 'add-claim':
            if (server.claims.has(name)) break
            server.put(
              server.claims,
              claim(
                name,
                { size: one.size, ...(one.names === null ? {} : { volumeName: `${one.names}` }) },
                { meta: { uid: `claim-${births++}` } },
              ),
            )
            break
          case 'add-volume':
            if (server.volumes.has(name)) break
            server.put(
              server.volumes,
              volume(
                name,
                {
                  size: one.size,
                  ...(one.reserved === null
                    ? {}
                    : { claimRef: { namespace: 'shop', name: `${one.reserved}` } }),
                },
                { phase: 'Pending', meta: { uid: `volume-${births++}` } },
              ),
            )
            break
          case 'delete-claim':
            server.claims.delete(name)
            break
          case 'delete-volume': {
            // Its finalizer holds one that is bound.
            const phase = server.volumes.get(name)?.status?.phase
            if (phase === 'Available' || phase === 'Released') {
              const owner = server.volumes.get(name)?.spec?.claimRef
              if (owner === undefined || phase === 'Released') server.volumes.delete(name)
            }
            break
          }
          case 'catch-up':
            views[one.process]?.catchUp(server)
            break
          case 'write': {
            const view = views[one.process] ?? new View()
            const step = stepFor(server, view, one.what, name)
            if (step !== null) server.perform(step)
            check(server)
          }
        }
      }
      settle(server)
      check(server)
      complete(server)
    }),
    { numRuns: 400 },
  )
})

/** The last process alone, with copies that are up to date, until nothing is left to write. */
function settle(server: Server): void {
  const view = new View()
  for (let rounds = 0; rounds < 200; rounds++) {
    view.catchUp(server)
    const names = [...new Set([...server.claims.keys(), ...server.volumes.keys()])]
    const steps = names.flatMap(name =>
      (['volume', 'claim'] as const).flatMap(what => stepFor(server, view, what, name) ?? []),
    )
    const [first] = steps
    if (first === undefined) return
    expect(server.perform(first), 'a write on the newest state is taken').toBe(true)
  }
  throw new Error('it does not come to rest')
}

/** A dumb look at the end: every claim is either done, or there is nothing free that it could have. */
function complete({ claims, volumes }: Server): void {
  for (const one of claims.values()) {
    const { phase } = one.status ?? {}
    if (isMarked(one, bindCompleted)) {
      expect(phase).toBe('Bound')
      continue
    }
    expect(phase).toBe('Pending')
    if ((one.spec?.volumeName ?? '') !== '') continue
    const free = [...volumes.values()].filter(
      ({ status, spec }) => status?.phase === 'Available' && spec?.claimRef === undefined,
    )
    expect(free.every(other => capacityOf(other) < requestOf(one))).toBe(true)
  }
  for (const { spec, status } of volumes.values()) {
    const owner = [...claims.values()].find(({ metadata }) => metadata.uid === spec?.claimRef?.uid)
    if (owner !== undefined && spec?.claimRef?.uid !== undefined)
      expect(status?.phase).toBe('Bound')
    else expect(status?.phase).not.toBe('Bound')
  }
}
