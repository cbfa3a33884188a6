import { describe, expect, test } from 'vitest'
import type { JsonObject, KubeObject } from '../object.js'
import { toTable } from '../table.js'
import { kindNamed } from '../testing/checked-object.js'

const nowMs = Date.UTC(2026, 0, 1, 1, 0, 0)
const created = '2026-01-01T00:00:00Z'

interface Printed {
  readonly normal: string
  /** What comes with -o wide. */
  readonly wide: string
  readonly cells: readonly unknown[]
}

/** Headings as kubectl shows them, and the cells of one object. */
function printed(kindName: string, rest: JsonObject): Printed {
  const kind = kindNamed(kindName)
  const metadata = { name: 'x', creationTimestamp: created, ...(rest['metadata'] as object) }
  const object = { apiVersion: 'v1', kind: kindName, ...rest, metadata } as KubeObject
  const table = toTable(kind, [object], {}, nowMs, 'None') as unknown as {
    columnDefinitions: { name: string; priority: number }[]
    rows: { cells: unknown[] }[]
  }
  const headings = (wide: boolean) =>
    table.columnDefinitions
      .filter(({ priority }) => priority > 0 === wide)
      .map(({ name }) => name.toUpperCase())
      .join(' | ')
  return { normal: headings(false), wide: headings(true), cells: table.rows[0]?.cells ?? [] }
}

const template = {
  metadata: { labels: { app: 'web' } },
  spec: {
    containers: [
      { name: 'a', image: 'x:1' },
      { name: 'b', image: 'y:2' },
    ],
  },
}
const selector = { matchLabels: { app: 'web' } }
const minutesAgo = (minutes: number) => new Date(nowMs - minutes * 60_000).toISOString()

test.each<readonly [kind: string, rest: JsonObject, normal: string, wide: string, unknown[]]>([
  [
    'StatefulSet',
    { spec: { replicas: 3, selector, template }, status: { replicas: 3, readyReplicas: 2 } },
    'NAME | READY | AGE',
    'CONTAINERS | IMAGES',
    ['x', '2/3', '60m', 'a,b', 'x:1,y:2'],
  ],
  [
    'DaemonSet',
    {
      spec: {
        selector,
        template: { ...template, spec: { ...template.spec, nodeSelector: { disk: 'ssd' } } },
      },
      status: {
        desiredNumberScheduled: 5,
        currentNumberScheduled: 4,
        numberReady: 3,
        updatedNumberScheduled: 2,
        numberAvailable: 1,
      },
    },
    'NAME | DESIRED | CURRENT | READY | UP-TO-DATE | AVAILABLE | NODE SELECTOR | AGE',
    'CONTAINERS | IMAGES | SELECTOR',
    ['x', 5, 4, 3, 2, 1, 'disk=ssd', '60m', 'a,b', 'x:1,y:2', 'app=web'],
  ],
  [
    'DaemonSet',
    { spec: { selector, template } },
    'NAME | DESIRED | CURRENT | READY | UP-TO-DATE | AVAILABLE | NODE SELECTOR | AGE',
    'CONTAINERS | IMAGES | SELECTOR',
    ['x', 0, 0, 0, 0, 0, '<none>', '60m', 'a,b', 'x:1,y:2', 'app=web'],
  ],
  [
    'ControllerRevision',
    {
      metadata: {
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'u', controller: true },
        ],
      },
      revision: 4,
    },
    'NAME | CONTROLLER | REVISION | AGE',
    '',
    ['x', 'statefulset.apps/web', 4, '60m'],
  ],
  [
    'ControllerRevision',
    { revision: 1 },
    'NAME | CONTROLLER | REVISION | AGE',
    '',
    ['x', '<none>', 1, '60m'],
  ],
  [
    'ReplicationController',
    {
      spec: { replicas: 3, selector: { app: 'web' }, template },
      status: { replicas: 2, readyReplicas: 1 },
    },
    'NAME | DESIRED | CURRENT | READY | AGE',
    'CONTAINERS | IMAGES | SELECTOR',
    ['x', 3, 2, 1, '60m', 'a,b', 'x:1,y:2', 'app=web'],
  ],
  [
    'PodTemplate',
    { template },
    'NAME | CONTAINERS | IMAGES | POD LABELS',
    '',
    ['x', 'a,b', 'x:1,y:2', 'app=web'],
  ],
  [
    'Job',
    {
      spec: { completions: 3, selector, template },
      status: { succeeded: 1, startTime: minutesAgo(5) },
    },
    'NAME | STATUS | COMPLETIONS | DURATION | AGE',
    'CONTAINERS | IMAGES | SELECTOR',
    ['x', 'Running', '1/3', '5m', '60m', 'a,b', 'x:1,y:2', 'app=web'],
  ],
  [
    'CronJob',
    {
      spec: {
        schedule: '@daily',
        timeZone: 'Europe/Berlin',
        suspend: false,
        jobTemplate: { spec: { template } },
      },
      status: { active: [{ name: 'x-1' }], lastScheduleTime: minutesAgo(2) },
    },
    'NAME | SCHEDULE | TIMEZONE | SUSPEND | ACTIVE | LAST SCHEDULE | AGE',
    'CONTAINERS | IMAGES | SELECTOR',
    ['x', '@daily', 'Europe/Berlin', 'False', 1, '2m', '60m', 'a,b', 'x:1,y:2', '<none>'],
  ],
  [
    'CronJob',
    { spec: { schedule: '@daily', suspend: true, jobTemplate: { spec: { template } } } },
    'NAME | SCHEDULE | TIMEZONE | SUSPEND | ACTIVE | LAST SCHEDULE | AGE',
    'CONTAINERS | IMAGES | SELECTOR',
    ['x', '@daily', '<none>', 'True', 0, '<none>', '60m', 'a,b', 'x:1,y:2', '<none>'],
  ],
])('a %s', (kind, rest, normal, wide, cells) => {
  expect(printed(kind, rest)).toEqual({ normal, wide, cells })
})

describe('jobs', () => {
  const job = (spec: JsonObject, status: JsonObject = {}, metadata: JsonObject = {}) =>
    printed('Job', { metadata, spec: { template, ...spec }, status }).cells.slice(1, 4)
  const condition = (type: string) => ({ conditions: [{ type, status: 'True' }] })

  test.each<readonly [JsonObject, JsonObject, string]>([
    [{ completions: 2 }, { succeeded: 2 }, '2/2'],
    [{ parallelism: 1 }, {}, '0/1'],
    [{ parallelism: 3 }, { succeeded: 1 }, '1/1 of 3'],
  ])('%j with %j have come as far as %s', (spec, status, completions) => {
    expect(job(spec, status)[1]).toBe(completions)
  })

  test.each<readonly [string, JsonObject, JsonObject]>([
    ['Running', {}, {}],
    ['Complete', condition('Complete'), { deletionTimestamp: created }],
    ['Failed', condition('Failed'), {}],
    ['Terminating', condition('Suspended'), { deletionTimestamp: created }],
    ['Suspended', condition('Suspended'), {}],
    ['FailureTarget', condition('FailureTarget'), {}],
  ])('are %s', (word, status, metadata) => {
    expect(job({ completions: 1 }, status, metadata)[0]).toBe(word)
  })

  test('last from their start to their end', () => {
    expect(job({}, {})[2]).toBe('')
    const status = { startTime: minutesAgo(30), completionTime: minutesAgo(20) }
    expect(job({}, status)[2]).toBe('10m')
  })
})
