// What users of Jobs rely on, each by its name.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KubeObject } from '../../orchestrator/api/object.js'
import type { Job } from '../../orchestrator/api/types/batch.js'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import { jobs, pods, type Resource } from '../../orchestrator/client/resources.js'
import { must } from '../../platform/errors.js'
import { exitCodeAnnotation, runSecondsAnnotation } from '../pretend-machine.js'
import { isActive, namesOf, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

beforeAll(async () => {
  scene = await Scene.start(['a', 'b'])
})

afterAll(async () => {
  await scene?.close()
})

const finalizer = 'batch.kubernetes.io/job-tracking'
const indexAnnotation = 'batch.kubernetes.io/job-completion-index'

interface Work {
  readonly seconds?: number
  readonly exitCode?: number
  /** Fields of the pods. */
  readonly pod?: string
}

const work = (spec: string, { seconds = 5, exitCode = 0, pod = '' }: Work = {}) => `
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  ${spec}
  template:
    metadata:
      annotations: {${runSecondsAnnotation}: "${seconds}", ${exitCodeAnnotation}: "${exitCode}"}
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      ${pod}
      containers: [{name: work, image: "work:1"}]
`
/** They run until a test ends them. */
const endless = { seconds: 1_000_000 }

async function begun(spec: string, how: Work = {}): Promise<void> {
  place = await scene.place()
  await place.create(work(spec, how))
}

const job = () => place.get(jobs, 'work')
const untilJob = (holds: (job: Job) => boolean) => place.until(jobs, 'work', holds)
const conditionOf = ({ status }: Job, type: string) =>
  status?.conditions?.find(condition => condition.type === type && condition.status === 'True')
const completed = () => untilJob(one => conditionOf(one, 'Complete') !== undefined)
const failed = () => untilJob(one => conditionOf(one, 'Failed') !== undefined)

const isRunning = ({ status, metadata }: Pod): boolean =>
  status?.phase === 'Running' && metadata.deletionTimestamp === undefined
const running = (count: number) =>
  place.untilAll(pods, all => all.filter(isRunning).length === count)
const indexOf = ({ metadata }: Pod): number => Number(metadata.annotations?.[indexAnnotation])

/** The process of a pod ends. */
function end({ metadata, spec }: Pod, exitCode: number): void {
  const machine = must(scene.cluster.machines.get(spec.nodeName ?? ''), 'it runs somewhere')
  machine.exit(metadata.uid ?? '', exitCode)
}

/** Ends the pod of an index as soon as it runs. */
async function endIndex(index: number, exitCode: number): Promise<void> {
  const runs = (pod: Pod) => isRunning(pod) && indexOf(pod) === index
  const all = await place.untilAll(pods, found => found.some(runs))
  end(must(all.find(runs), 'it runs'), exitCode)
}

test('completions: so many pods succeed, and not one more is made', async () => {
  await begun('completions: 5')
  const done = await completed()
  expect(done.status).toMatchObject({ succeeded: 5, uncountedTerminatedPods: {} })
  expect(done.status?.completionTime).toBeDefined()
  expect(done.status?.active ?? 0).toBe(0)
  expect(await place.list(pods)).toHaveLength(5)
  expect(await place.reasons('work')).toEqual(['Completed', 'SuccessfulCreate'])
})

test('parallelism: so many work at a time, as it is changed under way, and none at zero', async () => {
  await begun('completions: 8\n  parallelism: 3', endless)
  await running(3)
  await place.patch(jobs, 'work', { spec: { parallelism: 1 } })
  await running(1)
  await place.patch(jobs, 'work', { spec: { parallelism: 0 } })
  await running(0)
  await place.patch(jobs, 'work', { spec: { parallelism: 4 } })
  const all = await running(4)
  for (const pod of all.filter(isRunning)) end(pod, 0)
  let most = 0
  await place.alwaysUntil(
    seen => {
      const active = seen.filter(isActive)
      most = Math.max(most, active.length)
      expect(active.length).toBeLessThanOrEqual(4)
      for (const pod of active) end(pod, 0)
    },
    async () => conditionOf(await job(), 'Complete') !== undefined,
  )
  expect(most).toBe(4)
  const { status } = await job()
  expect(status?.succeeded).toBe(8)
  // Who was sent away has not failed.
  expect(status?.failed ?? 0).toBe(0)
})

test('Indexed: each index is done once, and its pod knows it in four ways', async () => {
  await begun('completionMode: Indexed\n  completions: 4\n  parallelism: 2')
  const done = await completed()
  expect(done.status).toMatchObject({ succeeded: 4, completedIndexes: '0-3' })
  const all = (await place.list(pods)).toSorted((a, b) => indexOf(a) - indexOf(b))
  expect(all.map(indexOf)).toEqual([0, 1, 2, 3])
  for (const [index, { metadata, spec }] of all.entries()) {
    expect(metadata.name).toMatch(new RegExp(`^work-${index}-[a-z0-9]{5}$`))
    expect(metadata.labels?.[indexAnnotation]).toBe(`${index}`)
    expect(spec.hostname).toBe(`work-${index}`)
    expect(spec.containers[0]?.env).toEqual([
      {
        name: 'JOB_COMPLETION_INDEX',
        valueFrom: {
          fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${indexAnnotation}']` },
        },
      },
    ])
  }
})

test('backoffLimit 6: seven pods fail, each after a longer rest, and then the Job has', async () => {
  await begun('completions: 1', { seconds: 1, exitCode: 1 })
  await scene.cluster.pass(11 * 60_000)
  const { status } = await failed()
  expect(status?.failed).toBe(7)
  expect(conditionOf(await job(), 'Failed')).toMatchObject({
    reason: 'BackoffLimitExceeded',
    message: 'Job has reached the specified backoff limit',
  })
  const seconds = (await place.list(pods))
    .map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') / 1000)
    .sort((a, b) => a - b)
  const rests = seconds.slice(1).map((at, index) => at - (seconds[index] ?? 0))
  for (const [index, least] of [10, 20, 40, 80, 160, 320].entries()) {
    expect(rests[index]).toBeGreaterThanOrEqual(least)
    expect(rests[index]).toBeLessThanOrEqual(least + 5)
  }
})

test('backoffLimit per index: one that fails too often does not hold up the others', async () => {
  const spec = 'completionMode: Indexed\n  completions: 3\n  parallelism: 3'
  await begun(`${spec}\n  backoffLimitPerIndex: 1`, endless)
  await endIndex(1, 1)
  await endIndex(1, 1)
  const hurt = await untilJob(({ status }) => status?.failedIndexes === '1')
  expect(conditionOf(hurt, 'Failed')).toBeUndefined()
  await endIndex(0, 0)
  await endIndex(2, 0)
  const { status } = await failed()
  expect(status).toMatchObject({ completedIndexes: '0,2', failedIndexes: '1', failed: 2 })
  expect(conditionOf(await job(), 'Failed')?.reason).toBe('FailedIndexes')
})

test('podFailurePolicy: some exits end the Job at once, and disruptions cost it nothing', async () => {
  const rules = `
    - {action: Ignore, onPodConditions: [{type: DisruptionTarget}]}
    - {action: FailJob, onExitCodes: {operator: In, values: [42]}}`
  await begun(
    `completions: 2\n  parallelism: 2\n  podFailurePolicy: {rules: ${flow(rules)}}`,
    endless,
  )
  const [first] = await running(2)
  const { name = '' } = must(first, 'there are two').metadata
  await scene.cluster.client.postJson(
    `/api/v1/namespaces/${place.namespace}/pods/${name}/eviction`,
    { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace: place.namespace, name } },
  )
  await place.untilAll(pods, all => all.every(pod => pod.metadata.name !== name))
  const [again, other] = (await running(2)).filter(isRunning)
  expect((await job()).status?.failed ?? 0).toBe(0)
  end(must(other, 'it runs'), 1)
  await untilJob(({ status }) => status?.failed === 1)
  end(must(again, 'it runs'), 42)
  const condition = conditionOf(await failed(), 'Failed')
  expect(condition?.reason).toBe('PodFailurePolicy')
  expect(condition?.message).toMatch(
    /^Container work for pod place-\d+\/work-\w+ failed with exit code 42 matching FailJob rule at index 1$/,
  )
})

test('successPolicy: the leader is done, so all are, and the others are sent home', async () => {
  const policy = 'successPolicy: {rules: [{succeededIndexes: "0"}]}'
  await begun(`completionMode: Indexed\n  completions: 3\n  parallelism: 3\n  ${policy}`, endless)
  await running(3)
  await endIndex(0, 0)
  const done = await completed()
  expect(conditionOf(done, 'SuccessCriteriaMet')).toMatchObject({
    reason: 'SuccessPolicy',
    message: 'Matched rules at index 0',
  })
  expect(conditionOf(done, 'Complete')?.reason).toBe('SuccessPolicy')
  expect(done.status).toMatchObject({ succeeded: 1, completedIndexes: '0' })
  expect((await place.list(pods)).filter(isActive)).toEqual([])
})

test('suspend: no pod is left, and when it goes on its time begins anew', async () => {
  await begun('completions: 2\n  parallelism: 2\n  suspend: true\n  activeDeadlineSeconds: 60')
  const waiting = await untilJob(one => conditionOf(one, 'Suspended') !== undefined)
  expect(waiting.status?.startTime).toBeUndefined()
  await scene.cluster.pass(120_000)
  expect(await place.list(pods)).toEqual([])
  await place.patch(jobs, 'work', { spec: { suspend: false } })
  await running(2)
  const begunAt = (await job()).status?.startTime ?? ''
  await place.patch(jobs, 'work', { spec: { suspend: true } })
  await place.untilAll(pods, all => all.length === 0)
  await scene.cluster.pass(120_000)
  await place.patch(jobs, 'work', { spec: { suspend: false } })
  const { status } = await completed()
  expect(Date.parse(status?.startTime ?? '') - Date.parse(begunAt)).toBeGreaterThan(100_000)
  expect(status?.failed ?? 0).toBe(0)
  expect(await place.reasons('work')).toEqual(
    expect.arrayContaining(['Completed', 'Resumed', 'Suspended']),
  )
})

test('activeDeadline: what takes longer has failed, and nothing of it goes on', async () => {
  await begun('completions: 1\n  activeDeadlineSeconds: 30', endless)
  await running(1)
  await scene.cluster.pass(25_000)
  expect(conditionOf(await job(), 'FailureTarget')).toBeUndefined()
  await scene.cluster.pass(10_000)
  const late = await failed()
  expect(conditionOf(late, 'Failed')).toMatchObject({
    reason: 'DeadlineExceeded',
    message: 'Job was active longer than specified deadline',
  })
  expect((await place.list(pods)).filter(isActive)).toEqual([])
})

test('TTL: so long after its end it is gone, and its pods with it', async () => {
  await begun('completions: 2\n  ttlSecondsAfterFinished: 60')
  await completed()
  await scene.cluster.pass(55_000)
  expect(namesOf(await place.list(jobs))).toEqual(['work'])
  expect(await place.list(pods)).toHaveLength(2)
  await scene.cluster.pass(10_000)
  await place.untilGone(jobs, 'work')
  await place.untilAll(pods, all => all.length === 0)
})

/** Every state of what is in the place from now on, as it is stored. */
async function statesOf<T extends KubeObject>(resource: Resource<T>): Promise<readonly T[]> {
  const { client } = scene.cluster
  const { namespace } = place
  const { metadata } = await client.list(resource, { namespace })
  const { resourceVersion = '' } = metadata
  const states: T[] = []
  client.watch(
    resource,
    { namespace, resourceVersion, timeoutSeconds: 600 },
    {
      onEnd: () => {},
      onEvent(event) {
        if (event.type !== 'BOOKMARK') states.push(event.object)
      },
    },
  )
  return states
}
const versionOf = ({ metadata }: KubeObject) => Number(metadata.resourceVersion)

test('tracking finalizer: the end of a pod is on record before it can go', async () => {
  place = await scene.place()
  const podStates = await statesOf(pods)
  const jobStates = await statesOf(jobs)
  await place.create(work('completions: 4\n  parallelism: 2', { seconds: 2 }))
  // Somebody clears up behind it: what has ended is deleted at once.
  await place.alwaysUntil(
    () => {},
    async all => {
      for (const { metadata, status } of all)
        if (status?.phase === 'Succeeded' && metadata.deletionTimestamp === undefined)
          await place.delete(pods, metadata.name ?? '')
      return conditionOf(await job(), 'Complete') !== undefined
    },
  )
  expect((await job()).status).toMatchObject({ succeeded: 4, uncountedTerminatedPods: {} })
  await place.untilAll(pods, all => all.length === 0)
  const isTracked = ({ metadata }: Pod) => metadata.finalizers?.includes(finalizer) === true
  const uids = new Set(podStates.map(({ metadata }) => metadata.uid ?? ''))
  expect(uids.size).toBe(4)
  for (const uid of uids) {
    const states = podStates.filter(({ metadata }) => metadata.uid === uid)
    expect(isTracked(must(states[0], 'it was made'))).toBe(true)
    const freed = must(
      states.find(state => !isTracked(state)),
      'it went',
    )
    expect(freed.status?.phase).toBe('Succeeded')
    const record = jobStates.find(
      ({ status }) => status?.uncountedTerminatedPods?.succeeded?.includes(uid) === true,
    )
    expect(versionOf(must(record, 'it is on record'))).toBeLessThan(versionOf(freed))
  }
})

/** A block of YAML as one line. */
function flow(list: string): string {
  return `[${list
    .trim()
    .split('\n')
    .map(line => line.trim().replace(/^- /, ''))
    .join(', ')}]`
}
