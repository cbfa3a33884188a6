import { describe, expect, test } from 'vitest'
import type { Json, JsonObject, KubeObject } from '../object.js'
import { checked, errorLines } from '../testing/checked-object.js'

const labels = { app: 'x' }
const podSpec = { containers: [{ name: 'c', image: 'x:1' }] }
const template = { metadata: { labels }, spec: podSpec }
const selector = { matchLabels: labels }
const jobTemplate = { spec: { ...podSpec, restartPolicy: 'Never' } }

const generated = {
  'job-name': 'x',
  'batch.kubernetes.io/job-name': 'x',
  'controller-uid': 'u',
  'batch.kubernetes.io/controller-uid': 'u',
}

const good: Readonly<Record<string, JsonObject>> = {
  StatefulSet: { spec: { serviceName: 's', selector, template } },
  DaemonSet: { spec: { selector, template } },
  ControllerRevision: { data: { spec: {} }, revision: 1 },
  ReplicationController: { spec: { selector: labels, template } },
  PodTemplate: { template },
  Job: {
    metadata: { name: 'x', uid: 'u' },
    spec: {
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } },
      template: { ...jobTemplate, metadata: { labels: generated } },
    },
  },
  CronJob: { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: jobTemplate } } } },
}

function made(kind: string, patch: Json = {}): KubeObject {
  const object = checked(kind, {}, good[kind])
  const metadata = { ...object.metadata, namespace: 'default' }
  return checked(kind, { ...object, metadata } as unknown as JsonObject, patch)
}

function errorsOf(kind: string, patch: Json, old: KubeObject | null = null): string[] {
  return errorLines(made(kind, patch), old)
}

test.each(Object.keys(good))('a good %s has no errors, new or unchanged', kind => {
  expect(errorsOf(kind, {})).toEqual([])
  expect(errorsOf(kind, {}, made(kind))).toEqual([])
})

const spec = (fields: JsonObject): JsonObject => ({ spec: fields })
const rolling = (fields: JsonObject) =>
  spec({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: fields } })
const notNegative = 'must be greater than or equal to 0'
const mismatch =
  'spec.template.metadata.labels: Invalid value: {"app":"y"}: `selector` does not match template `labels`'
const otherLabels = spec({ template: { metadata: { labels: { app: 'y' } } } })
const never = spec({ template: { spec: { restartPolicy: 'Never' } } })
const deadline = spec({ template: { spec: { activeDeadlineSeconds: 5 } } })
const neverText =
  'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'

type Case = readonly [what: string, patch: Json, ...errors: string[]]

const claim = {
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
}

describe('stateful sets', () => {
  const share = 'spec.updateStrategy.rollingUpdate.maxUnavailable'
  const claims = (...names: string[]) =>
    spec({ volumeClaimTemplates: names.map(name => ({ metadata: { name }, spec: claim })) })

  test.each<Case>([
    [
      'negative replicas',
      spec({ replicas: -1 }),
      `spec.replicas: Invalid value: -1: ${notNegative}`,
    ],
    [
      'a negative start',
      spec({ ordinals: { start: -1 } }),
      `spec.ordinals.start: Invalid value: -1: ${notNegative}`,
    ],
    [
      'an unknown order',
      spec({ podManagementPolicy: 'Random' }),
      `spec.podManagementPolicy: Invalid value: "Random": must be 'OrderedReady' or 'Parallel'`,
    ],
    [
      'an unknown strategy',
      spec({ updateStrategy: { type: 'Recreate', rollingUpdate: null } }),
      `spec.updateStrategy: Invalid value: {"type":"Recreate"}: must be 'RollingUpdate' or 'OnDelete'`,
    ],
    [
      'a partition of updates by hand',
      spec({ updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } }),
      `spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy 'RollingUpdate'`,
    ],
    [
      'a negative partition',
      rolling({ partition: -1 }),
      `spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: ${notNegative}`,
    ],
    [
      'no pod at a time',
      rolling({ maxUnavailable: '0%' }),
      `${share}: Invalid value: "0%": cannot be 0`,
    ],
    [
      'more pods than there are',
      rolling({ maxUnavailable: '101%' }),
      `${share}: Invalid value: "101%": must not be greater than 100%`,
    ],
    [
      'an unknown retention',
      spec({ persistentVolumeClaimRetentionPolicy: { whenScaled: 'Keep' } }),
      'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Keep": supported values: "Retain", "Delete"',
    ],
    [
      'an empty selector',
      spec({ selector: { matchLabels: null } }),
      'spec.selector: Invalid value: {}: empty selector is invalid for statefulset',
    ],
    ['labels that are not selected', otherLabels, mismatch],
    ['pods that are not started again', never, neverText],
    [
      'pods that end',
      deadline,
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported',
    ],
    [
      'a claim without a name',
      claims(''),
      'spec.volumeClaimTemplates[0].metadata.name: Required value',
    ],
    [
      'a claim of no size',
      spec({
        volumeClaimTemplates: [
          { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } },
        ],
      }),
      'spec.volumeClaimTemplates[0].spec.resources[storage]: Required value',
    ],
    [
      'a mount that nothing is claimed for',
      spec({
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
        template: {
          spec: {
            containers: [
              {
                name: 'c',
                image: 'x:1',
                volumeMounts: [
                  { name: 'data', mountPath: '/data' },
                  { name: 'logs', mountPath: '/logs' },
                ],
              },
            ],
          },
        },
      }),
      'spec.template.spec.containers[0].volumeMounts[1].name: Not found: "logs"',
    ],
    [
      'a status that does not add up',
      { status: { replicas: 1, readyReplicas: 2, availableReplicas: 1 } },
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
    ],
  ])('%s', (_, patch, ...errors) => {
    expect(errorsOf('StatefulSet', patch)).toEqual(errors)
  })

  test('a service name is the name of a host, and only checked when the set is made', () => {
    expect(errorsOf('StatefulSet', spec({ serviceName: 'a.b' }))).toHaveLength(1)
    const old = made('StatefulSet', spec({ serviceName: 'a.b' }))
    expect(errorsOf('StatefulSet', spec({ serviceName: 'a.b', replicas: 2 }), old)).toEqual([])
  })

  test('what is named in the rule may change, anything else may not', () => {
    const old = made('StatefulSet')
    const open = spec({
      replicas: 5,
      ordinals: { start: 2 },
      template: { metadata: { annotations: { a: 'b' } } },
      updateStrategy: { type: 'OnDelete', rollingUpdate: null },
      revisionHistoryLimit: 2,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
      minReadySeconds: 3,
    })
    expect(errorsOf('StatefulSet', open, old)).toEqual([])
    const text =
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', " +
      "'template', 'updateStrategy', 'revisionHistoryLimit', " +
      "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    for (const closed of [
      spec({ serviceName: 't' }),
      spec({ podManagementPolicy: 'Parallel' }),
      claims('data'),
    ]) {
      expect(errorsOf('StatefulSet', closed, old)).toEqual([text])
    }
  })

  test('collisions are not forgotten', () => {
    const old = made('StatefulSet', { status: { replicas: 0, collisionCount: 2 } })
    expect(errorsOf('StatefulSet', { status: { replicas: 0, collisionCount: 1 } }, old)).toEqual([
      'status.collisionCount: Invalid value: 1: cannot be decremented',
    ])
  })
})

describe('daemon sets', () => {
  const at = 'spec.updateStrategy.rollingUpdate'

  test.each<Case>([
    [
      'an unknown strategy',
      spec({ updateStrategy: { type: 'Recreate' } }),
      'spec.updateStrategy: Unsupported value: {"type":"Recreate"}: supported values: "RollingUpdate", "OnDelete"',
    ],
    [
      'surge and unavailability at once',
      rolling({ maxUnavailable: 1, maxSurge: '10%' }),
      `${at}.maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero`,
    ],
    [
      'neither of them',
      rolling({ maxUnavailable: 0, maxSurge: '0%' }),
      `${at}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`,
    ],
    [
      'a share that is none',
      rolling({ maxUnavailable: 'half', maxSurge: 1 }),
      `${at}.maxUnavailable: Invalid value: "half": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
    ],
    [
      'more than all nodes',
      rolling({ maxUnavailable: 0, maxSurge: '150%' }),
      `${at}.maxSurge: Invalid value: "150%": must not be greater than 100%`,
    ],
    [
      'an empty selector',
      spec({ selector: { matchLabels: null } }),
      'spec.selector: Invalid value: {}: empty selector is invalid for daemonset',
    ],
    ['labels that are not selected', otherLabels, mismatch],
    ['pods that are not started again', never, neverText],
    [
      'pods that end',
      deadline,
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported',
    ],
    [
      'a negative number of nodes',
      { status: { numberReady: -1 } },
      `status.numberReady: Invalid value: -1: ${notNegative}`,
    ],
  ])('%s', (_, patch, ...errors) => {
    expect(errorsOf('DaemonSet', patch)).toEqual(errors)
  })

  test('the selector stays', () => {
    const relabelled = spec({
      selector: { matchLabels: { app: 'y' } },
      template: { metadata: { labels: { app: 'y' } } },
    })
    expect(errorsOf('DaemonSet', relabelled, made('DaemonSet'))).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"y"}}: field is immutable',
    ])
  })
})

test('a revision holds what it was made with', () => {
  expect(errorsOf('ControllerRevision', { data: null })).toEqual([
    'data: Required value: data is mandatory',
  ])
  expect(errorsOf('ControllerRevision', { revision: -1 })).toEqual([
    `revision: Invalid value: -1: ${notNegative}`,
  ])
  const old = made('ControllerRevision')
  expect(errorsOf('ControllerRevision', { revision: 2 }, old)).toEqual([])
  expect(errorsOf('ControllerRevision', { data: { spec: { a: 1 } } }, old)).toEqual([
    'data: Invalid value: {"spec":{"a":1}}: field is immutable',
  ])
})

test.each<Case>([
  [
    'no selector and no labels',
    spec({ selector: null, template: { metadata: null } }),
    'spec.selector: Required value',
  ],
  ['no template', spec({ template: null }), 'spec.template: Required value'],
  ['labels that are not selected', otherLabels, mismatch],
  ['pods that are not started again', never, neverText],
  [
    'pods that end',
    deadline,
    'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported',
  ],
  [
    'a status that does not add up',
    { status: { replicas: 2, readyReplicas: 1, availableReplicas: 2 } },
    'status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas',
  ],
])('replication controllers: %s', (_, patch, ...errors) => {
  expect(errorsOf('ReplicationController', patch)).toEqual(errors)
})

test('pod templates are checked as pods are, and hold no ephemeral containers', () => {
  expect(errorsOf('PodTemplate', { template: { spec: { dnsPolicy: 'x' } } })).toHaveLength(1)
  const ephemeralContainers = [{ name: 'e', image: 'x:1' }]
  expect(errorsOf('PodTemplate', { template: { spec: { ephemeralContainers } } })).toEqual([
    'template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template',
  ])
})
