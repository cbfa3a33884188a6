import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Deployment } from '../../api/types/apps.js'
import { deployment, nowMs } from '../testing/objects.js'
import { RolloutModel } from '../testing/rollout-model.js'
import { rollingLimits } from './strategy.js'
import { templateHash } from './template-hash.js'

function condition(model: RolloutModel, type: string) {
  return model.deployment.status?.conditions?.find(one => one.type === type)
}

/** Rounds until nothing changes; every pod becomes ready. Answers whether it came to rest. */
function settle(model: RolloutModel): boolean {
  for (let round = 0; round < 200; round++) {
    model.followSizes()
    model.becomeReady(Number.POSITIVE_INFINITY)
    model.removeTerminated()
    if (model.reconcile().actions.length === 0) return true
  }
  return false
}

function rolledOut(spec: Partial<Deployment['spec']> = {}, replicas = 4): RolloutModel {
  const model = new RolloutModel(deployment(replicas, spec), nowMs)
  expect(settle(model)).toBe(true)
  return model
}

describe('Deployment: RollingUpdate 25%/25%, surge up and unavailable down', () => {
  const cases: readonly [number, number | string, number | string, number, number][] = [
    [4, '25%', '25%', 1, 1],
    [10, '25%', '25%', 3, 2],
    [1, '25%', '25%', 1, 0],
    [3, '25%', '25%', 1, 0],
    [5, 2, 1, 2, 1],
    [2, 0, 0, 0, 1],
    [3, 0, '10%', 0, 1],
    [2, 1, 5, 1, 2],
    [0, '25%', '25%', 0, 1],
  ]
  for (const [replicas, maxSurge, maxUnavailable, surge, unavailable] of cases) {
    test(`${replicas} pods with ${maxSurge}/${maxUnavailable} give ${surge} more, ${unavailable} fewer`, () => {
      const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } }
      const limits = rollingLimits(deployment(replicas, { strategy }))
      expect(limits.maxSurge).toBe(surge)
      expect(limits.maxUnavailable).toBe(Math.min(unavailable, Math.max(replicas, 1)))
    })
  }

  test('the first round makes a set of the full size and says so', () => {
    const model = new RolloutModel(deployment(4), nowMs)
    model.reconcile()
    const [set] = model.replicaSets
    const hash = set?.metadata.labels?.['pod-template-hash']
    expect(set?.metadata).toMatchObject({
      name: `web-${hash}`,
      annotations: {
        'deployment.kubernetes.io/revision': '1',
        'deployment.kubernetes.io/desired-replicas': '4',
        'deployment.kubernetes.io/max-replicas': '5',
      },
    })
    expect(set?.spec.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash })
    expect(set?.spec.template?.metadata?.labels).toEqual({ app: 'web', 'pod-template-hash': hash })
    expect(model.events).toEqual([`Scaled up replica set web-${hash} from 0 to 4`])
    expect(condition(model, 'Progressing')).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetCreated',
      message: `Created new replica set "web-${hash}"`,
    })
    expect(condition(model, 'Available')).toMatchObject({
      status: 'False',
      reason: 'MinimumReplicasUnavailable',
    })
  })

  test('an update goes step by step within its limits', () => {
    const model = rolledOut()
    model.setImage('web:2')
    const trace: (readonly number[])[] = []
    for (let round = 0; round < 12; round++) {
      model.reconcile()
      model.followSizes()
      const last = trace.at(-1)
      if (!last || last.join() !== model.sizes.join()) trace.push(model.sizes)
      model.becomeReady(1)
      model.removeTerminated()
    }
    expect(trace).toEqual([
      [3, 1],
      [3, 2],
      [1, 2],
      [1, 4],
      [0, 4],
    ])
    expect(condition(model, 'Progressing')?.reason).toBe('NewReplicaSetAvailable')
  })

  test('pods of the old revision that do not serve go first', () => {
    const model = new RolloutModel(deployment(4), nowMs)
    model.reconcile()
    model.followSizes()
    model.becomeReady(1)
    model.setImage('web:2')
    model.reconcile()
    expect(model.sizes).toEqual([3, 1])
    model.followSizes()
    expect(model.availablePods).toBe(1)
  })
})

test('Deployment: a second change before the first is seen in any status costs no more pods', () => {
  const rollingUpdate = { maxSurge: 1, maxUnavailable: 1 }
  const model = rolledOut({ strategy: { type: 'RollingUpdate', rollingUpdate } }, 2)
  model.setImage('web:2')
  model.reconcile()
  model.setImage('web:3')
  model.reconcile()
  model.followSizes()
  expect(model.availablePods).toBe(1)
})

test('Deployment: in every interleaving no limit is broken and the rollout comes to rest', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: 'reconcile' as const }) },
    { weight: 4, arbitrary: fc.constant({ kind: 'follow' as const }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('ready' as const), count: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('image' as const), tag: fc.nat(3) }) },
  )
  const shape = fc.record({
    replicas: fc.integer({ min: 1, max: 8 }),
    maxSurge: fc.oneof(fc.nat(3), fc.constantFrom('25%', '50%', '100%')),
    maxUnavailable: fc.oneof(fc.nat(3), fc.constantFrom('25%', '50%', '100%')),
    steps: fc.array(step, { maxLength: 60 }),
  })
  fc.assert(
    fc.property(shape, ({ replicas, maxSurge, maxUnavailable, steps }) => {
      const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } }
      const model = rolledOut({ strategy }, replicas)
      const limits = rollingLimits(model.deployment)
      for (const one of steps) {
        if (one.kind === 'reconcile') model.reconcile()
        else if (one.kind === 'follow') model.followSizes()
        else if (one.kind === 'ready') model.becomeReady(one.count)
        else model.setImage(`web:${one.tag}`)
        expect(model.totalPods).toBeLessThanOrEqual(replicas + limits.maxSurge)
        expect(model.availablePods).toBeGreaterThanOrEqual(replicas - limits.maxUnavailable)
      }
      expect(settle(model)).toBe(true)
      expect(model.availablePods).toBe(replicas)
      expect(condition(model, 'Progressing')?.reason).toBe('NewReplicaSetAvailable')
    }),
    { numRuns: 500 },
  )
})

test('Deployment: minReadySeconds: a pod that has only just become ready lets no old one go', () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  const model = rolledOut({ minReadySeconds: 30, strategy }, 2)
  const later = (ms: number) => {
    model.nowMs += ms
    model.followSizes()
    model.reconcile()
  }
  later(30_000)
  expect(model.availablePods).toBe(2)
  model.setImage('web:2')
  later(0)
  model.followSizes()
  model.becomeReady(1)
  later(29_999)
  expect(model.sizes).toEqual([2, 1])
  later(1)
  expect(model.sizes[0]).toBe(1)
})

test('Deployment: Recreate starts the new revision only after the last old pod is gone', () => {
  const model = rolledOut({ strategy: { type: 'Recreate' } }, 3)
  model.setImage('web:2')
  model.reconcile()
  expect(model.sizes).toEqual([0])
  model.followSizes()
  model.reconcile()
  expect(model.sizes).toEqual([0])
  model.removeTerminated()
  model.reconcile()
  expect(model.sizes).toEqual([0, 3])
})

describe('Deployment: revision history and undo', () => {
  test('each new template is a revision, and an old one that comes back is the newest', () => {
    const model = rolledOut()
    model.setImage('web:2')
    settle(model)
    model.setImage('web:1')
    settle(model)
    const revisions = model.replicaSets.map(
      set => set.metadata.annotations?.['deployment.kubernetes.io/revision'],
    )
    expect(revisions).toEqual(['3', '2'])
    expect(model.sizes).toEqual([4, 0])
    const [first] = model.replicaSets
    expect(first?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('1')
    expect(model.deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3')
  })
  test('empty sets beyond the limit go, the lowest revisions first', () => {
    const model = rolledOut({ revisionHistoryLimit: 2 })
    for (const image of ['web:2', 'web:3', 'web:4', 'web:5']) {
      model.setImage(image)
      settle(model)
    }
    const revisions = model.replicaSets.map(
      set => set.metadata.annotations?.['deployment.kubernetes.io/revision'],
    )
    expect(revisions).toEqual(['3', '4', '5'])
  })
})

describe('Deployment: proportional scaling and rollover', () => {
  test('a scale in the middle of an update is shared by both revisions', () => {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } }
    const model = rolledOut({ strategy }, 10)
    model.setImage('web:2')
    model.reconcile()
    model.followSizes()
    model.reconcile()
    model.followSizes()
    expect(model.sizes).toEqual([8, 5])
    model.change({ replicas: 15 })
    model.reconcile()
    expect(model.sizes).toEqual([11, 7])
    expect(settle(model)).toBe(true)
    expect(model.sizes).toEqual([0, 15])
  })
  test('a third template in the middle of an update takes over from both', () => {
    const model = rolledOut()
    model.setImage('web:2')
    model.reconcile()
    model.followSizes()
    model.setImage('web:3')
    expect(settle(model)).toBe(true)
    expect(model.sizes).toEqual([0, 0, 4])
  })
  test('scaled to nothing and back', () => {
    const model = rolledOut()
    model.change({ replicas: 0 })
    expect(settle(model)).toBe(true)
    expect(model.sizes).toEqual([0])
    model.change({ replicas: 2 })
    expect(settle(model)).toBe(true)
    expect(model.sizes).toEqual([2])
  })
})

describe('Deployment: pause', () => {
  test('a paused one scales and does not roll, and goes on when resumed', () => {
    const model = rolledOut()
    model.change({ paused: true })
    model.setImage('web:2')
    model.change({ replicas: 6 })
    settle(model)
    expect(model.sizes).toEqual([6])
    expect(condition(model, 'Progressing')).toMatchObject({
      status: 'Unknown',
      reason: 'DeploymentPaused',
      message: 'Deployment is paused',
    })
    model.change({ paused: false })
    settle(model)
    expect(model.sizes).toEqual([0, 6])
  })
})

describe('Deployment: progressDeadlineSeconds 600 and conditions', () => {
  test('no progress within the deadline is ProgressDeadlineExceeded, and success heals it', () => {
    const model = rolledOut()
    model.setImage('web:2')
    model.reconcile()
    model.followSizes()
    model.reconcile()
    const waiting = model.reconcile()
    expect(waiting.requeueAfterMs).toBe(601_000)
    model.nowMs += 600_000
    model.reconcile()
    expect(condition(model, 'Progressing')?.reason).toBe('ReplicaSetUpdated')
    model.nowMs += 1001
    model.reconcile()
    const name = model.replicaSets[1]?.metadata.name
    expect(condition(model, 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: `ReplicaSet "${name}" has timed out progressing.`,
    })
    settle(model)
    expect(condition(model, 'Progressing')).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: `ReplicaSet "${name}" has successfully progressed.`,
    })
  })
  test('every bit of progress renews the deadline and keeps the transition time', () => {
    const model = rolledOut()
    model.setImage('web:2')
    model.reconcile()
    model.followSizes()
    const before = condition(model, 'Progressing')
    model.nowMs += 300_000
    model.becomeReady(1)
    model.reconcile()
    const after = condition(model, 'Progressing')
    expect(after?.reason).toBe('ReplicaSetUpdated')
    expect(after?.lastTransitionTime).toBe(before?.lastTransitionTime)
    expect(after?.lastUpdateTime).not.toBe(before?.lastUpdateTime)
  })
  test('the status follows the generation', () => {
    const model = rolledOut()
    model.setImage('web:2')
    expect(model.deployment.status?.observedGeneration).toBe(1)
    model.reconcile()
    expect(model.deployment.status?.observedGeneration).toBe(2)
  })
  test('at rest a round does nothing at all', () => {
    expect(rolledOut().reconcile().actions).toEqual([])
  })
  test('a failure of a set is shown', () => {
    const model = rolledOut()
    const [set] = model.replicaSets
    const failure = {
      type: 'ReplicaFailure',
      status: 'True',
      reason: 'FailedCreate',
      message: 'no',
    }
    const failing = { ...set?.status, replicas: 4, conditions: [failure] }
    const { replicaSets } = model
    Object.defineProperty(model, 'replicaSets', {
      value: replicaSets.map(one => ({ ...one, status: failing })),
    })
    model.reconcile()
    expect(condition(model, 'ReplicaFailure')).toMatchObject({ reason: 'FailedCreate' })
  })
})

describe('Deployment: pod-template-hash and collisionCount', () => {
  const { template } = deployment(1).spec
  test('the same template has the same hash, whatever the order of its fields', () => {
    const containers = [{ image: 'web:1', name: 'c' }]
    const shuffled = { spec: { containers }, metadata: { labels: { app: 'web' } } }
    expect(templateHash(shuffled, 0)).toBe(templateHash(template, 0))
  })
  test('a collision leads to another hash', () => {
    expect(templateHash(template, 1)).not.toBe(templateHash(template, 0))
  })
  test('no hash contains a vowel or a look-alike', () => {
    fc.assert(
      fc.property(fc.string(), image => {
        const spec = { containers: [{ name: 'c', image }] }
        expect(templateHash({ spec }, 0)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
      }),
    )
  })
})
