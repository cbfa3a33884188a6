import { describe, expect, test } from 'vitest'
import { must } from '../../../platform/errors.js'
import { seededRandom } from '../../../platform/seeded-random.js'
import type { OwnerReference } from '../../api/object.js'
import type { ControllerRevision } from '../../api/types/apps-daemon-set.js'
import type { StatefulSet, StatefulSetSpec } from '../../api/types/apps-stateful-set.js'
import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import { planRevision, revisionLabel } from '../revisions.js'
import { nowMs, pod, type PodShape, secondsAgo, statefulSet } from '../testing/objects.js'
import { ordinalOf, podOf } from './identity.js'
import { planStatefulSet, type StatefulSetInputs } from './reconcile.js'

const imageOf = (set: StatefulSet, image: string): StatefulSet => ({
  ...set,
  spec: {
    ...set.spec,
    template: { ...set.spec.template, spec: { containers: [{ name: 'c', image }] } },
  },
})

const revisionOf = (set: StatefulSet): ControllerRevision => planRevision(set, [], 0).revision
const nameOf = (revision: ControllerRevision): string => revision.metadata.name ?? ''
const old = revisionOf(statefulSet(3))

interface MemberShape extends PodShape {
  readonly unready?: boolean
  /** Name of the revision. */
  readonly from?: string
}

function member(set: StatefulSet, ordinal: number, shape: MemberShape = {}): Pod {
  const { from = nameOf(old), unready = false, ...rest } = shape
  const { labels = {} } = podOf(set, set.spec.template, from, ordinal).metadata
  const ready = unready ? {} : { readySeconds: 60 }
  return pod(`db-${ordinal}`, { owner: set, labels, ...ready, ...rest })
}

interface Case {
  readonly set?: StatefulSet
  readonly pods?: readonly Pod[]
  readonly claims?: readonly PersistentVolumeClaim[]
  readonly more?: Partial<StatefulSetInputs>
}

function plan({ set = statefulSet(3), pods = [], claims = [], more = {} }: Case) {
  const update = revisionOf(set)
  const planned = planStatefulSet({
    set,
    pods,
    claim: name => claims.find(({ metadata }) => metadata.name === name),
    current: old,
    update,
    collisionCount: 0,
    nowMs,
    ...more,
  })
  return {
    ...planned,
    made: planned.creations.map(({ pod: one }) => one.metadata.name),
    gone: planned.deletions.map(({ pod: one }) => one.metadata.name),
  }
}

const members = (set: StatefulSet, count: number, shape: MemberShape = {}) =>
  Array.from({ length: count }, (_, ordinal) => member(set, ordinal, shape))
const three = statefulSet(3)
const parallel = (replicas: number, spec: Partial<StatefulSetSpec> = {}) =>
  statefulSet(replicas, { podManagementPolicy: 'Parallel', ...spec })

describe('StatefulSet: ordered', () => {
  test('pods come one by one, in ascending order', () => {
    expect(plan({}).made).toEqual(['db-0'])
    expect(plan({ pods: members(three, 1) }).made).toEqual(['db-1'])
  })
  test('none comes before those below it are ready', () => {
    expect(plan({ pods: [member(three, 0, { unready: true })] }).made).toEqual([])
    expect(plan({ pods: [member(three, 0, { deleting: true })] }).made).toEqual([])
  })
  test('nor before they have been ready for long enough', () => {
    const set = statefulSet(3, { minReadySeconds: 100 })
    const waiting = plan({ set, pods: members(set, 1) })
    expect([waiting.made, waiting.requeueAfterMs]).toEqual([[], 40_000])
  })
  test('a hole is filled first', () => {
    expect(plan({ pods: [member(three, 0), member(three, 2)] }).made).toEqual(['db-1'])
  })
  test('surplus pods go one by one, in descending order', () => {
    expect(plan({ set: statefulSet(1), pods: members(three, 3) }).gone).toEqual(['db-2'])
  })
  test('none goes while another one is on its way out', () => {
    const pods = [...members(three, 2), member(three, 2, { deleting: true })]
    expect(plan({ set: statefulSet(1), pods }).gone).toEqual([])
  })
  test('none goes while one that stays is not ready', () => {
    const pods = [member(three, 0, { unready: true }), member(three, 1)]
    expect(plan({ set: statefulSet(1), pods }).gone).toEqual([])
  })
  test('the one that all wait for may go', () => {
    const pods = [...members(three, 2), member(three, 2, { unready: true })]
    expect(plan({ set: statefulSet(2), pods }).gone).toEqual(['db-2'])
  })
  test('those that have failed are not waited for', () => {
    const pods = [member(three, 0), ...[1, 2].map(at => member(three, at, { phase: 'Failed' }))]
    expect(plan({ set: statefulSet(1), pods }).gone).toEqual(['db-2'])
  })
  test('ordinals.start: they may begin elsewhere', () => {
    const set = statefulSet(2, { ordinals: { start: 5 } })
    expect(plan({ set }).made).toEqual(['db-5'])
    expect(plan({ set, pods: [member(set, 5), member(set, 6), member(set, 0)] }).gone).toEqual([
      'db-0',
    ])
  })
})

describe('StatefulSet: parallel', () => {
  test('pods come and go together', () => {
    expect(plan({ set: parallel(3) }).made).toEqual(['db-0', 'db-1', 'db-2'])
    expect(plan({ set: parallel(0), pods: members(parallel(3), 3) }).gone).toEqual([
      'db-2',
      'db-1',
      'db-0',
    ])
  })
  test('a round makes at most a burst', () => {
    expect(plan({ set: parallel(1_000) }).made).toHaveLength(250)
  })
})

describe('StatefulSet: never two pods of one name', () => {
  test('a pod whose node is silent is waited for, however long', () => {
    const lost = member(three, 1, { deleting: true, meta: { deletionTimestamp: secondsAgo(9e6) } })
    const waiting = plan({ pods: [member(three, 0), lost, member(three, 2)] })
    expect([waiting.made, waiting.gone]).toEqual([[], []])
  })
  test('a pod that has ended is deleted, and its name not given before it is gone', () => {
    const failed = plan({ pods: [member(three, 0, { phase: 'Failed' })] })
    expect([failed.made, failed.deletions.map(({ why }) => why)]).toEqual([[], ['failed']])
    const over = plan({ pods: [member(three, 0, { phase: 'Succeeded' })] })
    expect(over.deletions.map(({ why }) => why)).toEqual(['succeeded'])
  })
  test('a pod of a similar name is none of its own', () => {
    for (const name of ['db-01', 'db-x', 'db2-0', 'db--1', 'db-0-0']) {
      expect(ordinalOf(three, pod(name))).toBeNull()
    }
  })
})

describe('StatefulSet: stable name and DNS, claim templates', () => {
  const set = statefulSet(1, {
    volumeClaimTemplates: [
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: {} },
    ],
  })
  test('name, host name, domain, labels and claims are its own', () => {
    const [creation] = plan({ set }).creations
    expect(creation?.pod).toMatchObject({
      metadata: {
        name: 'db-0',
        labels: {
          app: 'db',
          'statefulset.kubernetes.io/pod-name': 'db-0',
          'apps.kubernetes.io/pod-index': '0',
          [revisionLabel]: nameOf(revisionOf(set)),
        },
      },
      spec: {
        hostname: 'db-0',
        subdomain: 'db',
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } }],
      },
    })
    expect(creation?.claims).toMatchObject([
      { metadata: { name: 'data-db-0', namespace: 'shop', labels: { app: 'db' } } },
    ])
  })
  test('a claim that is there is taken as it is', () => {
    expect(plan({ set, claims: [claim('data-db-0')] }).creations[0]?.claims).toEqual([])
  })
  test('a pod without the labels of its identity gets them', () => {
    const bare = member(set, 0, { labels: { app: 'db', [revisionLabel]: nameOf(old) } })
    expect(plan({ set, pods: [bare] }).relabels[0]?.labels).toEqual({
      'statefulset.kubernetes.io/pod-name': 'db-0',
      'apps.kubernetes.io/pod-index': '0',
    })
  })
  test('a claim that somebody deleted is made again for a pod that has not started', () => {
    const waiting = member(set, 0, { phase: 'Pending', unready: true })
    expect(plan({ set, pods: [waiting] }).claims.map(({ metadata }) => metadata.name)).toEqual([
      'data-db-0',
    ])
    expect(plan({ set, pods: [member(set, 0)] }).claims).toEqual([])
  })
})

function claim(name: string, owners: readonly OwnerReference[] = []): PersistentVolumeClaim {
  const metadata = { namespace: 'shop', name, uid: `uid-${name}`, ownerReferences: owners }
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: {} }
}

describe('StatefulSet: persistentVolumeClaimRetentionPolicy', () => {
  const template = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: {},
  }
  const keeping = (whenDeleted: string, whenScaled: string, replicas: number) =>
    statefulSet(replicas, {
      volumeClaimTemplates: [template],
      persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled },
    })
  const ownersOf = (set: StatefulSet, owners: readonly OwnerReference[] = []) =>
    plan({
      set,
      pods: members(set, 2),
      claims: [claim('data-db-0', owners), claim('data-db-1', owners)],
    }).owners.map(({ claim: of, ownerReferences }) => [
      of.metadata.name,
      ...ownerReferences.map(owner => `${owner.kind} ${owner.uid}`),
    ])

  test('Retain leaves them to nobody', () => {
    expect(ownersOf(keeping('Retain', 'Retain', 1))).toEqual([])
  })
  test('whenDeleted Delete gives them to the set', () => {
    expect(ownersOf(keeping('Delete', 'Retain', 2))).toEqual([
      ['data-db-0', 'StatefulSet uid-db'],
      ['data-db-1', 'StatefulSet uid-db'],
    ])
  })
  test('whenScaled Delete gives that of a surplus pod to the pod', () => {
    expect(ownersOf(keeping('Retain', 'Delete', 1))).toEqual([['data-db-1', 'Pod uid-db-1']])
    expect(ownersOf(keeping('Delete', 'Delete', 1))).toEqual([
      ['data-db-0', 'StatefulSet uid-db'],
      ['data-db-1', 'Pod uid-db-1'],
    ])
  })
  test('a policy that is taken back takes the owner away', () => {
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'uid-db' }
    expect(ownersOf(keeping('Retain', 'Retain', 2), [owner])).toEqual([
      ['data-db-0'],
      ['data-db-1'],
    ])
  })
  test('a claim that goes with the pod before is waited for', () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'db-0', uid: 'uid-of-before' }
    const claims = [claim('data-db-0', [owner])]
    expect(plan({ set: keeping('Retain', 'Delete', 1), claims }).made).toEqual([])
  })
})

describe('StatefulSet: updates', () => {
  const next = imageOf(three, 'db:2')
  const now = nameOf(revisionOf(next))

  test('go from the last ordinal down, one by one', () => {
    expect(plan({ set: next, pods: members(next, 3) }).gone).toEqual(['db-2'])
    const pods = [...members(next, 2), member(next, 2, { from: now })]
    expect(plan({ set: next, pods }).gone).toEqual(['db-1'])
  })
  test('wait for the one that was updated last', () => {
    const pods = [...members(next, 2), member(next, 2, { from: now, unready: true })]
    expect(plan({ set: next, pods }).gone).toEqual([])
  })
  test('stop at the partition', () => {
    const set = imageOf(
      statefulSet(3, {
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
      }),
      'db:2',
    )
    const pods = [...members(set, 2), member(set, 2, { from: now })]
    expect(plan({ set, pods }).gone).toEqual([])
    // Below it a pod that is lost comes back as it was.
    expect(plan({ set, pods: pods.slice(1) }).creations[0]?.pod.metadata.labels).toMatchObject({
      [revisionLabel]: nameOf(old),
    })
    expect(plan({ set, pods: pods.slice(0, 2) }).creations[0]?.pod.spec.containers).toEqual([
      { name: 'c', image: 'db:2' },
    ])
  })
  test('OnDelete leaves it to the user', () => {
    const set = imageOf(statefulSet(3, { updateStrategy: { type: 'OnDelete' } }), 'db:2')
    expect(plan({ set, pods: members(set, 3) }).gone).toEqual([])
    expect(plan({ set, pods: members(set, 2) }).creations[0]?.pod.spec.containers).toEqual([
      { name: 'c', image: 'db:2' },
    ])
  })
  test('as many at a time as may be unavailable', () => {
    const rollingUpdate = { partition: 0, maxUnavailable: '50%' }
    const set = imageOf(
      parallel(4, { updateStrategy: { type: 'RollingUpdate', rollingUpdate } }),
      'db:2',
    )
    expect(plan({ set, pods: members(set, 4) }).gone).toEqual(['db-3', 'db-2'])
    const pods = [...members(set, 3), member(set, 3, { from: now, unready: true })]
    expect(plan({ set, pods }).gone).toEqual(['db-2'])
  })
})

describe('StatefulSet: status', () => {
  test('counts pods by what they are and where they come from', () => {
    const next = imageOf(three, 'db:2')
    const now = nameOf(revisionOf(next))
    const pods = [
      member(next, 0),
      member(next, 1, { unready: true }),
      member(next, 2, { from: now }),
    ]
    expect(plan({ set: next, pods }).status).toEqual({
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 2,
      availableReplicas: 2,
      currentReplicas: 2,
      updatedReplicas: 1,
      currentRevision: nameOf(old),
      updateRevision: now,
      collisionCount: 0,
    })
  })
  test('an update that is over becomes what there is', () => {
    const next = imageOf(three, 'db:2')
    const now = nameOf(revisionOf(next))
    expect(plan({ set: next, pods: members(next, 3, { from: now }) }).status).toMatchObject({
      currentRevision: now,
      currentReplicas: 3,
    })
  })
  test('a set that is being deleted makes and deletes nothing', () => {
    const set = { ...three, metadata: { ...three.metadata, deletionTimestamp: secondsAgo(1) } }
    const planned = plan({ set, pods: members(set, 1) })
    expect([planned.made, planned.gone]).toEqual([[], []])
  })
})

/** A cluster as dumb as can be: pods start, fail, get lost and go when chance wants it. */
class Model {
  readonly pods = new Map<string, Pod>()
  readonly revisions: ControllerRevision[] = []
  set: StatefulSet

  constructor(set: StatefulSet) {
    this.set = set
  }

  get ordered(): boolean {
    return this.set.spec.podManagementPolicy === 'OrderedReady'
  }

  /** What the controller does in one round; answers whether it did anything. */
  reconcile(): boolean {
    const planned = planRevision(this.set, this.revisions, 0)
    if (planned.kind !== 'known') {
      const at = this.revisions.findIndex(one => nameOf(one) === nameOf(planned.revision))
      if (at !== -1) this.revisions.splice(at, 1)
      this.revisions.push(planned.revision)
    }
    const update = planned.revision
    const current = this.revisions.find(one => nameOf(one) === this.set.status?.currentRevision)
    const { creations, deletions, status } = planStatefulSet({
      set: this.set,
      pods: [...this.pods.values()],
      claim: () => undefined,
      current: current ?? update,
      update,
      collisionCount: 0,
      nowMs,
    })
    if (this.ordered) expect(creations.length + deletions.length).toBeLessThanOrEqual(1)
    for (const { pod: made } of creations) this.#create(made)
    for (const { pod: gone } of deletions) {
      const name = gone.metadata.name ?? ''
      expect(gone.metadata.deletionTimestamp).toBeUndefined()
      this.#change(name, { deleting: true })
    }
    this.set = { ...this.set, status }
    return creations.length + deletions.length > 0
  }

  #create(made: Pod): void {
    const name = made.metadata.name ?? ''
    expect(this.pods.has(name), `two pods called ${name}`).toBe(false)
    const ordinal = must(ordinalOf(this.set, made), 'its name is one of the set')
    if (this.ordered) {
      for (let below = 0; below < ordinal; below++) {
        const other = this.pods.get(`db-${below}`)
        expect(other?.status?.conditions?.[0]?.status, `db-${below} before ${name}`).toBe('True')
      }
    }
    const labels = made.metadata.labels ?? {}
    this.pods.set(name, pod(name, { owner: this.set, labels, phase: 'Pending', spec: made.spec }))
  }

  #change(name: string, shape: PodShape): void {
    const { metadata, spec, status } = must(this.pods.get(name), 'it is there')
    const deleting = shape.deleting ?? metadata.deletionTimestamp !== undefined
    const phase = shape.phase ?? status?.phase ?? 'Pending'
    const labels = metadata.labels ?? {}
    this.pods.set(name, pod(name, { owner: this.set, labels, spec, ...shape, deleting, phase }))
  }

  /** What nodes do; with `chaos` also what they should not. */
  act(choose: (below: number) => number, chaos: boolean): void {
    const names = [...this.pods.keys()]
    const name = names[choose(Math.max(1, names.length))]
    if (name === undefined) return
    const one = must(this.pods.get(name), 'it is there')
    const luck = chaos ? choose(6) : null
    if (one.metadata.deletionTimestamp !== undefined) this.pods.delete(name)
    else if (luck === 0) this.#change(name, { phase: 'Failed' })
    else if (luck === 1) this.#change(name, { phase: 'Running' })
    else if (one.status?.phase !== 'Failed') {
      this.#change(name, { phase: 'Running', readySeconds: 60 })
    }
  }
}

test.each(['OrderedReady', 'Parallel'])(
  'StatefulSet: whatever happens, %s keeps its rules and gets there',
  podManagementPolicy => {
    for (let seed = 0; seed < 40; seed++) {
      const random = seededRandom(seed)
      const choose = (below: number) => random.integer(below)
      const model = new Model(statefulSet(3, { podManagementPolicy }))
      for (let round = 0; round < 150; round++) {
        const { spec } = model.set
        if (choose(12) === 0) {
          model.set = { ...model.set, spec: { ...spec, replicas: choose(6) } }
        }
        if (choose(15) === 0) model.set = imageOf(model.set, `db:${choose(3)}`)
        if (choose(2) === 0) model.reconcile()
        else model.act(choose, true)
      }
      for (let round = 0; round < 1_500; round++) {
        if (choose(2) === 0) model.reconcile()
        else model.act(choose, false)
      }
      const { spec, status } = model.set
      const replicas = spec.replicas ?? 1
      expect([...model.pods.keys()].toSorted(), `seed ${seed}`).toEqual(
        Array.from({ length: replicas }, (_, ordinal) => `db-${ordinal}`),
      )
      expect(status).toMatchObject({
        replicas,
        readyReplicas: replicas,
        updatedReplicas: replicas,
        currentRevision: status?.updateRevision,
      })
    }
  },
)
