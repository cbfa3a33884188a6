// What users of the scheduler rely on: each filter and score of the default profile by its name, preemption, and
// the queues.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import { events, nodes, pods } from '../../orchestrator/client/resources.js'
import { isReady, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

// Scores see everything that there is: each test has nodes of its own.
beforeEach(async () => {
  scene = await Scene.start(['a', 'b', 'c'])
  place = await scene.place()
})

afterEach(async () => {
  await scene?.close()
})

const pod = (name: string, spec = '', labels = '') =>
  place.create(`
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {name: ${name}${labels === '' ? '' : `, ${labels}`}}}
spec:
  terminationGracePeriodSeconds: 1
  ${spec.includes('containers:') ? '' : 'containers: [{name: main, image: "main:1"}]'}
  ${spec}
`)

const asking = (requests: string, more = '') =>
  `containers: [{name: main, image: "main:1", resources: {requests: ${requests}}${more}}]`

const placed = async (name: string): Promise<string> => {
  const found = await place.until(pods, name, ({ spec }) => spec.nodeName !== undefined)
  return found.spec.nodeName ?? ''
}

const conditionOf = ({ status }: Pod) =>
  status?.conditions?.find(({ type }) => type === 'PodScheduled')

/** What the pod is told while it has no node. */
async function refused(name: string): Promise<string> {
  const waiting = await place.until(pods, name, one => conditionOf(one)?.reason === 'Unschedulable')
  expect(waiting.spec.nodeName).toBeUndefined()
  return conditionOf(waiting)?.message ?? ''
}

const node = (name: string, patch: object) =>
  place.patch(nodes, name, JSON.parse(JSON.stringify(patch)))
const status = (name: string, patch: object) =>
  place.patch(nodes, name, JSON.parse(JSON.stringify({ status: patch })), { subresource: 'status' })
const labelled = (name: string, labels: Readonly<Record<string, string>>) =>
  node(name, { metadata: { labels } })

describe('filters', () => {
  test('SchedulingGates: a gated pod is not looked at until its gates are gone', async () => {
    await pod('gated', 'schedulingGates: [{name: example.com/wait}]')
    await scene.cluster.pass(30_000)
    const waiting = await place.get(pods, 'gated')
    expect(conditionOf(waiting)).toMatchObject({ status: 'False', reason: 'SchedulingGated' })
    await place.patch(pods, 'gated', { spec: { schedulingGates: null } })
    await placed('gated')
  })

  test('NodeUnschedulable: a cordoned node gets none but of those who tolerate it', async () => {
    for (const name of ['a', 'b', 'c']) await node(name, { spec: { unschedulable: true } })
    await pod('plain')
    expect(await refused('plain')).toContain('3 node(s) were unschedulable')
    const key = 'node.kubernetes.io/unschedulable'
    await pod('tolerant', `tolerations: [{key: ${key}, operator: Exists}]`)
    await placed('tolerant')
    await node('b', { spec: { unschedulable: false } })
    expect(await placed('plain')).toBe('b')
  })

  test('NodeName: a pod that names its node has it, and needs no scheduler', async () => {
    await pod('named', 'nodeName: c')
    expect(await placed('named')).toBe('c')
    const told = (await place.list(events)).filter(({ reason }) => reason === 'Scheduled')
    expect(told).toEqual([])
  })

  test('TaintToleration: NoSchedule keeps away whoever does not tolerate it', async () => {
    for (const name of ['a', 'b'])
      await node(name, { spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } })
    await pod('plain')
    expect(await placed('plain')).toBe('c')
    await pod('pinned', 'nodeSelector: {kubernetes.io/hostname: a}')
    expect(await refused('pinned')).toContain('had untolerated taint {gpu: yes}')
    await pod(
      'tolerant',
      'nodeSelector: {kubernetes.io/hostname: a}\n  tolerations: [{key: gpu, value: "yes", effect: NoSchedule}]',
    )
    expect(await placed('tolerant')).toBe('a')
  })

  test('NodeAffinity: selectors and required terms', async () => {
    await labelled('b', { cores: '16' })
    await pod('selecting', 'nodeSelector: {cores: "16"}')
    expect(await placed('selecting')).toBe('b')
    const required = (operator: string, value: string) => `affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
        - matchExpressions: [{key: cores, operator: ${operator}, values: ["${value}"]}]`
    await pod('greater', required('Gt', '8'))
    expect(await placed('greater')).toBe('b')
    await pod('none', required('Gt', '16'))
    expect(await refused('none')).toContain("didn't match Pod's node affinity/selector")
  })

  test('NodePorts: no two pods of a node have one port of it', async () => {
    const port =
      'containers: [{name: main, image: "main:1", ports: [{containerPort: 80, hostPort: 80}]}]'
    const taken = new Set<string>()
    for (const name of ['one', 'two', 'three']) {
      await pod(name, port)
      taken.add(await placed(name))
    }
    expect([...taken].sort()).toEqual(['a', 'b', 'c'])
    await pod('four', port)
    expect(await refused('four')).toContain("didn't have free ports for the requested pod ports")
  })

  test('NodeResourcesFit: what is requested fits, with all that is there already', async () => {
    for (const name of ['one', 'two', 'three']) {
      await pod(name, asking('{cpu: 3}'))
      await placed(name)
    }
    await pod('four', asking('{cpu: 2}'))
    expect(await refused('four')).toContain('3 Insufficient cpu')
    await place.delete(pods, 'two')
    await placed('four')
  })

  test('VolumeZone: a volume is used in its zone', async () => {
    for (const [name, zone] of [
      ['a', 'east'],
      ['b', 'west'],
      ['c', 'west'],
    ] as const)
      await labelled(name, { 'topology.kubernetes.io/zone': zone })
    await place.create(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: zoned, labels: {topology.kubernetes.io/zone: east}}
spec:
  storageClassName: none
  accessModes: [ReadWriteOnce]
  capacity: {storage: 1Gi}
  hostPath: {path: /data}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  storageClassName: none
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
`)
    const volumes = 'volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]'
    await pod('near', volumes)
    expect(await placed('near')).toBe('a')
    await pod('far', `${volumes}\n  nodeSelector: {topology.kubernetes.io/zone: west}`)
    expect(await refused('far')).toContain('had no available volume zone')
  })

  test('VolumeBinding: a pod waits for its claim', async () => {
    await pod('early', 'volumes: [{name: data, persistentVolumeClaim: {claimName: late}}]')
    expect(await refused('early')).toContain('persistentvolumeclaim "late" not found')
  })

  test('PodTopologySpread: DoNotSchedule keeps domains within maxSkew', async () => {
    const spread = `topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: DoNotSchedule
    labelSelector: {matchLabels: {app: web}}`
    await node('c', { spec: { unschedulable: true } })
    const counts = new Map<string, number>()
    for (const name of ['one', 'two', 'three', 'four']) {
      await pod(name, `${spread}\n    nodeTaintsPolicy: Honor`, 'app: web')
      const on = await placed(name)
      counts.set(on, (counts.get(on) ?? 0) + 1)
    }
    expect(Object.fromEntries(counts)).toEqual({ a: 2, b: 2 })
    // With c counted as a domain of its own the two others are ahead by two.
    await pod('five', spread, 'app: web')
    expect(await refused('five')).toContain("didn't match pod topology spread constraints")
  })

  test('InterPodAffinity: required affinity and anti-affinity, the latter in both directions', async () => {
    const term = (app: string) =>
      `requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: ${app}}}}]`
    await pod('cache', 'nodeSelector: {kubernetes.io/hostname: b}', 'app: cache')
    await placed('cache')
    await pod('near', `affinity: {podAffinity: {${term('cache')}}}`)
    expect(await placed('near')).toBe('b')
    await pod('loner', `affinity: {podAntiAffinity: {${term('noisy')}}}`)
    const alone = await placed('loner')
    await pod('noisy', `nodeSelector: {kubernetes.io/hostname: ${alone}}`, 'app: noisy')
    expect(await refused('noisy')).toContain("didn't satisfy existing pods anti-affinity rules")
  })
})

describe('scores', () => {
  test('NodeResourcesFit: the emptier node is taken', async () => {
    for (const [name, cpu] of [
      ['a', '3'],
      ['b', '1'],
      ['c', '2'],
    ] as const) {
      await pod(
        `filler-${name}`,
        `${asking(`{cpu: ${cpu}, memory: ${cpu}Gi}`)}\n  nodeSelector: {kubernetes.io/hostname: ${name}}`,
      )
      await placed(`filler-${name}`)
    }
    await pod('next', asking('{cpu: 500m, memory: 500Mi}'))
    expect(await placed('next')).toBe('b')
  })

  test('BalancedAllocation: of nodes that are as full the one where processors and memory go together', async () => {
    await node('c', { spec: { unschedulable: true } })
    await pod('processors', `${asking('{cpu: 2}')}\n  nodeSelector: {kubernetes.io/hostname: a}`)
    await pod('memory', `${asking('{memory: 4Gi}')}\n  nodeSelector: {kubernetes.io/hostname: b}`)
    await placed('processors')
    await placed('memory')
    await pod('next', asking('{memory: 4Gi, cpu: 10m}'))
    expect(await placed('next')).toBe('a')
  })

  test('TaintToleration: PreferNoSchedule is avoided where there is another node', async () => {
    const taints = [{ key: 'old', value: 'yes', effect: 'PreferNoSchedule' }]
    for (const name of ['a', 'c']) await node(name, { spec: { taints } })
    await pod('next')
    expect(await placed('next')).toBe('b')
  })

  test('NodeAffinity: preferred terms', async () => {
    await labelled('c', { disk: 'ssd' })
    await pod(
      'next',
      `affinity:
    nodeAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        preference: {matchExpressions: [{key: disk, operator: In, values: [ssd]}]}`,
    )
    expect(await placed('next')).toBe('c')
  })

  test('PodTopologySpread: pods of one Service are spread without being asked', async () => {
    await place.create(`
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`)
    const taken = new Set<string>()
    for (const name of ['one', 'two', 'three']) {
      await pod(name, '', 'app: web')
      taken.add(await placed(name))
    }
    expect([...taken].sort()).toEqual(['a', 'b', 'c'])
  })

  test('InterPodAffinity: preferred terms', async () => {
    await pod('cache', 'nodeSelector: {kubernetes.io/hostname: c}', 'app: cache')
    await placed('cache')
    await pod(
      'next',
      `affinity:
    podAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: cache}}}`,
    )
    expect(await placed('next')).toBe('c')
  })

  test('ImageLocality: a node that has the image is preferred', async () => {
    await status('b', { images: [{ names: ['huge:1'], sizeBytes: 3_000_000_000 }] })
    await pod('next', 'containers: [{name: main, image: "huge:1"}]')
    expect(await placed('next')).toBe('b')
  })
})

describe('DefaultPreemption', () => {
  const priorities = `
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: low}
value: 10
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
`

  const fill = async (cpu: string, label: string) => {
    for (const name of ['a', 'b', 'c']) {
      const spec = `${asking(`{cpu: ${cpu}}`)}\n  priorityClassName: low\n  nodeSelector: {kubernetes.io/hostname: ${name}}`
      await pod(`${label}-${name}`, spec, `app: ${label}`)
    }
    await place.untilAll(pods, all => all.every(isReady), `app=${label}`)
  }

  test('minimal victims: no more go than must, and the pod has the room', async () => {
    await place.create(priorities)
    await fill('1', 'small')
    await fill('2', 'large')
    await pod('urgent', `${asking('{cpu: 2}')}\n  priorityClassName: high`)
    const on = await placed('urgent')
    await scene.cluster.pass(10_000)
    const left = (await place.list(pods, 'app in (small,large)')).map(one => one.metadata.name)
    // A node of four has one free. Either of its pods would be enough; the younger one goes.
    expect(left).toHaveLength(5)
    expect(left).not.toContain(`large-${on}`)
    expect(await place.reasons(`large-${on}`)).toContain('Preempted')
  })

  test('budget-aware: whom a budget guards stays where another node will do', async () => {
    await place.create(priorities)
    await fill('4', 'filler')
    await place.patch(pods, 'filler-b', { metadata: { labels: { guard: 'none' } } })
    await place.create(`
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: guarded}
spec: {maxUnavailable: 0, selector: {matchExpressions: [{key: guard, operator: DoesNotExist}, {key: app, operator: Exists}]}}
`)
    await scene.cluster.pass(5_000)
    await pod('urgent', `${asking('{cpu: 2}')}\n  priorityClassName: high`)
    expect(await placed('urgent')).toBe('b')
  })

  test('of the same priority nobody goes, and preemptionPolicy Never asks for none', async () => {
    await place.create(`${priorities}---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: polite}
value: 1000
preemptionPolicy: Never
`)
    await fill('4', 'filler')
    await pod('equal', `${asking('{cpu: 2}')}\n  priorityClassName: low`)
    await pod('patient', `${asking('{cpu: 2}')}\n  priorityClassName: polite`)
    expect(await refused('equal')).toContain('No preemption victims found')
    expect(await refused('patient')).toContain('not eligible due to preemptionPolicy=Never')
    await scene.cluster.pass(60_000)
    expect(await place.list(pods, 'app=filler')).toHaveLength(3)
  })
})

describe('queues', () => {
  test('PrioritySort: the higher priority goes first, then whoever has waited longer', async () => {
    await place.create(`
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
preemptionPolicy: Never
`)
    for (const name of ['a', 'b', 'c']) await node(name, { spec: { unschedulable: true } })
    for (const [name, more] of [
      ['first', ''],
      ['second', ''],
      ['urgent', '\n  priorityClassName: high'],
    ] as const) {
      await pod(name, `${asking('{cpu: 3}')}${more}`)
      await refused(name)
      await scene.cluster.pass(1_100)
    }
    await scene.cluster.pass(15_000)
    // There is room for two of them.
    await node('a', { spec: { unschedulable: false } })
    await placed('urgent')
    await node('b', { spec: { unschedulable: false } })
    await placed('first')
    expect((await place.get(pods, 'second')).spec.nodeName).toBeUndefined()
  })

  test('unschedulable: what does not help is not tried for, and what helps at once', async () => {
    await pod('big', asking('{cpu: 8}'))
    await refused('big')
    const tries = async () =>
      (await place.list(events))
        .filter(
          ({ reason, involvedObject }) =>
            reason === 'FailedScheduling' && involvedObject?.name === 'big',
        )
        .reduce((sum, { count = 1 }) => sum + count, 0)
    const before = await tries()
    await scene.cluster.pass(20_000)
    await labelled('a', { colour: 'blue' })
    await scene.cluster.pass(20_000)
    expect(await tries()).toBe(before)
    await status('b', { allocatable: { cpu: '16', memory: '8Gi', pods: '110' } })
    expect(await placed('big')).toBe('b')
  })

  test('backoff 1-10 s: a pod that fails again and again is tried more and more seldom', async () => {
    await node('c', { spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } })
    await pod('big', asking('{cpu: 64}'))
    await refused('big')
    // Again and again a node grows to where it would have room, if it let the pod in.
    for (let at = 0; at < 100; at += 1) {
      const cpu = at % 2 === 0 ? '128' : '4'
      await status('c', { allocatable: { cpu, memory: '8Gi', pods: '110' } })
      await scene.cluster.pass(300)
    }
    const told = (await place.list(events)).filter(one => one.involvedObject?.name === 'big')
    const count = told.reduce((sum, one) => sum + (one.count ?? 1), 0)
    // At about 0, 1, 3, 7, 15, 25 seconds.
    expect(count).toBeGreaterThanOrEqual(5)
    expect(count).toBeLessThanOrEqual(7)
  })
})
