import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.js'
import { checkPreconditions, deletionFinished, planDelete } from './deletion.js'
import type { DeletePlan } from './deletion.js'
import { fieldAt } from './object-fields.js'
import type { DeleteOptions } from './query-options.js'
import { kindOf, objectOf } from './testing/objects.js'

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5)

const plain: DeleteOptions = {
  gracePeriodSeconds: null,
  propagationPolicy: null,
  uid: null,
  resourceVersion: null,
  dryRun: false,
}

const pod = (spec: object, metadata: object = {}, status: object = {}) =>
  objectOf(
    'Pod',
    { name: 'p', ...metadata },
    {
      spec: { terminationGracePeriodSeconds: 30, ...spec },
      status: { ...status },
    },
  )

function told(plan: DeletePlan): unknown {
  if (plan.kind !== 'update') return plan.kind
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = plan.object.metadata
  return { at: deletionTimestamp?.slice(11), grace: deletionGracePeriodSeconds, finalizers }
}

const marked = (grace: number) => ({
  deletionTimestamp: '2026-01-02T03:04:35Z',
  deletionGracePeriodSeconds: grace,
})

const pods: readonly (readonly [string, KubeObject, Partial<DeleteOptions>, unknown])[] = [
  ['without a node goes at once', pod({}), {}, 'remove'],
  ['that has ended goes at once', pod({ nodeName: 'n' }, {}, { phase: 'Failed' }), {}, 'remove'],
  [
    'on a node is left to its kubelet',
    pod({ nodeName: 'n' }),
    {},
    { at: '03:04:35Z', grace: 30, finalizers: undefined },
  ],
  [
    'on a node gets the grace the client names',
    pod({ nodeName: 'n' }),
    { gracePeriodSeconds: 5 },
    { at: '03:04:10Z', grace: 5, finalizers: undefined },
  ],
  ['forced goes at once', pod({ nodeName: 'n' }), { gracePeriodSeconds: 0 }, 'remove'],
  ['on its way stays on its way', pod({ nodeName: 'n' }, marked(30)), {}, 'pending'],
  [
    'on its way may be hurried',
    pod({ nodeName: 'n' }, marked(30)),
    { gracePeriodSeconds: 10 },
    { at: '03:04:15Z', grace: 10, finalizers: undefined },
  ],
  [
    'on its way is not given more time',
    pod({ nodeName: 'n' }, marked(5)),
    { gracePeriodSeconds: 60 },
    'pending',
  ],
  [
    'on its way is finished by the kubelet with grace 0',
    pod({ nodeName: 'n' }, marked(30)),
    { gracePeriodSeconds: 0 },
    'remove',
  ],
  [
    'held by a finalizer is marked even without a node',
    pod({}, { finalizers: ['a/b'] }),
    {},
    { at: '03:04:05Z', grace: 0, finalizers: ['a/b'] },
  ],
]

const others: readonly (readonly [string, object, Partial<DeleteOptions>, unknown])[] = [
  ['goes at once', {}, {}, 'remove'],
  ['goes at once whatever grace is named', {}, { gracePeriodSeconds: 30 }, 'remove'],
  ['goes at once in the background', {}, { propagationPolicy: 'Background' }, 'remove'],
  [
    'waits for its dependents in the foreground',
    {},
    { propagationPolicy: 'Foreground' },
    { at: '03:04:05Z', grace: 0, finalizers: ['foregroundDeletion'] },
  ],
  [
    'lets its dependents go',
    {},
    { propagationPolicy: 'Orphan' },
    { at: '03:04:05Z', grace: 0, finalizers: ['orphan'] },
  ],
  [
    'changes its mind from foreground to orphan',
    { finalizers: ['foregroundDeletion', 'x/y'], ...marked(0) },
    { propagationPolicy: 'Orphan' },
    { at: '03:04:35Z', grace: 0, finalizers: ['x/y', 'orphan'] },
  ],
  ['held stays held', { finalizers: ['x/y'], ...marked(0) }, {}, 'pending'],
]

describe('what DELETE does', () => {
  test.each(pods)('a pod %s', (_, object, options, expected) => {
    expect(told(planDelete(kindOf('pods'), object, { ...plain, ...options }, nowMs))).toEqual(
      expected,
    )
  })

  test.each(others)('another object %s', (_, metadata, options, expected) => {
    const object = objectOf('ConfigMap', { name: 'c', ...metadata })
    const plan = planDelete(kindOf('configmaps'), object, { ...plain, ...options }, nowMs)
    expect(told(plan)).toEqual(expected)
  })

  test('a namespace is marked as terminating until its finalizers are gone', () => {
    const kind = kindOf('namespaces')
    const namespace = objectOf('Namespace', { name: 'n' }, { spec: { finalizers: ['kubernetes'] } })
    const plan = planDelete(kind, namespace, plain, nowMs)
    if (plan.kind !== 'update') throw new Error(plan.kind)
    expect(fieldAt(plan.object, 'status.phase')).toBe('Terminating')
    expect(deletionFinished(kind, plan.object)).toBe(false)
    expect(planDelete(kind, plan.object, plain, nowMs).kind).toBe('pending')
    const freed = { ...plan.object, spec: { finalizers: [] } }
    expect(deletionFinished(kind, freed)).toBe(true)
    expect(planDelete(kind, freed, plain, nowMs).kind).toBe('remove')
  })

  test('an object is finished when it is marked, unheld and its grace is over', () => {
    const kind = kindOf('pods')
    expect(deletionFinished(kind, pod({}, marked(0)))).toBe(true)
    expect(deletionFinished(kind, pod({}, marked(30)))).toBe(false)
    expect(deletionFinished(kind, pod({}, { ...marked(0), finalizers: ['x/y'] }))).toBe(false)
    expect(deletionFinished(kind, pod({}))).toBe(false)
  })

  test('a precondition that does not hold is a conflict in the original words', () => {
    const object = objectOf('ConfigMap', { name: 'c', uid: 'u1', resourceVersion: '5' })
    const check = (options: Partial<DeleteOptions>) => () =>
      checkPreconditions(kindOf('configmaps'), object, { ...plain, ...options })
    expect(check({ uid: 'u1', resourceVersion: '5' })).not.toThrow()
    expect(check({ uid: 'u2' })).toThrow(
      'Operation cannot be fulfilled on configmaps "c": Precondition failed: UID in precondition: u2, UID in object meta: u1',
    )
    expect(check({ resourceVersion: '4' })).toThrow('ResourceVersion in precondition: 4')
  })
})
