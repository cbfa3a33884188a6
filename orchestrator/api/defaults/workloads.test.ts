import { describe, expect, test } from 'vitest'
import type { JsonObject, KubeObject } from '../object.js'
import { kindNamed } from '../testing/checked-object.js'
import { withGeneratedSelector } from './job.js'

type Spec = { readonly spec: JsonObject }

/** Twice the same, and the original left as it was. */
function defaulted(kindName: string, rest: JsonObject): KubeObject & Spec {
  const kind = kindNamed(kindName)
  const object = { apiVersion: 'v1', kind: kindName, metadata: { name: 'x' }, ...rest }
  const before = JSON.stringify(object)
  const once = kind.withDefaults(object)
  expect(kind.withDefaults(once)).toEqual(once)
  expect(JSON.stringify(object)).toBe(before)
  return once as KubeObject & Spec
}

const podSpec = { containers: [{ name: 'c', image: 'nginx' }] }
const labels = { app: 'x' }
const template = { metadata: { labels }, spec: podSpec }
const selector = { matchLabels: labels }

const templateDefaults = {
  metadata: { labels },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'nginx',
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        imagePullPolicy: 'Always',
      },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  },
}

describe('stateful sets', () => {
  test('get all that the original gives them', () => {
    const claims = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }]
    const set = defaulted('StatefulSet', {
      spec: { selector, template, volumeClaimTemplates: claims },
    })
    expect(set.spec).toEqual({
      selector,
      template: templateDefaults,
      replicas: 1,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      revisionHistoryLimit: 10,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem' },
          status: { phase: 'Pending' },
        },
      ],
    })
  })

  test.each<readonly [JsonObject, JsonObject]>([
    [{ type: 'OnDelete' }, { type: 'OnDelete' }],
    [{ type: 'RollingUpdate' }, { type: 'RollingUpdate' }],
    [
      { type: 'RollingUpdate', rollingUpdate: { partition: 3 } },
      { type: 'RollingUpdate', rollingUpdate: { partition: 3 } },
    ],
    [
      { rollingUpdate: { maxUnavailable: 2 } },
      { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2, partition: 0 } },
    ],
  ])('the strategy %j becomes %j', (updateStrategy, expected) => {
    const { spec } = defaulted('StatefulSet', { spec: { selector, template, updateStrategy } })
    expect(spec['updateStrategy']).toEqual(expected)
  })
})

describe('daemon sets', () => {
  test('get all that the original gives them', () => {
    const set = defaulted('DaemonSet', { spec: { selector, template } })
    expect(set.spec).toEqual({
      selector,
      template: templateDefaults,
      updateStrategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
      },
      revisionHistoryLimit: 10,
    })
  })

  test('updates by hand have no shares', () => {
    const updateStrategy = { type: 'OnDelete' }
    const { spec } = defaulted('DaemonSet', { spec: { selector, template, updateStrategy } })
    expect(spec['updateStrategy']).toEqual(updateStrategy)
  })
})

describe('replication controllers', () => {
  test('select and are called like their pods where they do not say', () => {
    const controller = defaulted('ReplicationController', { spec: { template } })
    expect(controller.metadata.labels).toEqual(labels)
    expect(controller.spec).toEqual({ selector: labels, template: templateDefaults, replicas: 1 })
  })

  test('keep what they say', () => {
    const metadata = { name: 'x', labels: { mine: 'yes' } }
    const spec = { template, selector: { other: 'one' }, replicas: 0 }
    const controller = defaulted('ReplicationController', { metadata, spec })
    expect(controller.metadata).toEqual(metadata)
    expect(controller.spec).toMatchObject({ selector: { other: 'one' }, replicas: 0 })
  })
})

test('pod templates get the defaults of pods', () => {
  expect(defaulted('PodTemplate', { template })).toMatchObject({ template: templateDefaults })
})

describe('jobs', () => {
  const jobTemplate = { spec: { ...podSpec, restartPolicy: 'Never' } }
  const specOf = (fields: JsonObject) =>
    defaulted('Job', { spec: { template: jobTemplate, ...fields } }).spec

  test('get all that the original gives them', () => {
    expect(specOf({})).toEqual({
      template: { spec: { ...templateDefaults.spec, restartPolicy: 'Never' } },
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      manualSelector: false,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
    })
  })

  test.each<readonly [JsonObject, JsonObject]>([
    [{ parallelism: 3 }, { parallelism: 3 }],
    [{ completions: 3 }, { parallelism: 1, completions: 3 }],
    [{ backoffLimitPerIndex: 1 }, { backoffLimit: 2147483647 }],
    [
      { podFailurePolicy: { rules: [{ action: 'Count', onPodConditions: [{ type: 'A' }] }] } },
      {
        podFailurePolicy: {
          rules: [{ action: 'Count', onPodConditions: [{ type: 'A', status: 'True' }] }],
        },
        podReplacementPolicy: 'Failed',
      },
    ],
  ])('%j means %j', (fields, expected) => {
    expect(specOf(fields)).toMatchObject(expected)
  })

  test('of workers that agree on their end count no completions', () => {
    expect(specOf({ parallelism: 3 })).not.toHaveProperty('completions')
  })

  const made = (fields: JsonObject): KubeObject & Spec => {
    const spec = { template: jobTemplate, ...fields }
    const object = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'x', uid: 'u' }, spec }
    return defaulted('Job', withGeneratedSelector(object) as unknown as JsonObject)
  }
  const generated = {
    'job-name': 'x',
    'batch.kubernetes.io/job-name': 'x',
    'controller-uid': 'u',
    'batch.kubernetes.io/controller-uid': 'u',
  }

  test('select their own pods by their uid, and carry the labels of their pods', () => {
    const { metadata, spec } = made({})
    expect(spec['selector']).toEqual({
      matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' },
    })
    expect(spec['template']).toMatchObject({ metadata: { labels: generated } })
    expect(metadata.labels).toEqual(generated)
  })

  test('leave what the user wrote of selector and labels for validation', () => {
    const { spec } = made({
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'other' } },
      template: { ...jobTemplate, metadata: { labels: { 'job-name': 'y', app: 'x' } } },
    })
    expect(spec).toMatchObject({
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'other' } },
      template: { metadata: { labels: { ...generated, 'job-name': 'y', app: 'x' } } },
    })
    const manual = { manualSelector: true, selector: { matchLabels: labels } }
    expect(made(manual).spec['template']).not.toHaveProperty('metadata')
  })

  test('of a cron job wait for their defaults until they are made', () => {
    const spec = { schedule: '@daily', jobTemplate: { spec: { template: jobTemplate } } }
    expect(defaulted('CronJob', { spec }).spec).toEqual({
      schedule: '@daily',
      jobTemplate: {
        spec: { template: { spec: { ...templateDefaults.spec, restartPolicy: 'Never' } } },
      },
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    })
  })
})
