import { expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.js'
import type { ResourceQuota, ResourceQuotaSpec } from '../../api/types/core-quota.js'
import { pod, type PodShape } from '../testing/objects.js'
import { recounted } from './reconcile.js'

type Amounts = Readonly<Record<string, string>>

function quota(hard: Amounts, used?: Amounts, spec: ResourceQuotaSpec = {}): ResourceQuota {
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { namespace: 'shop', name: 'q' },
    spec: { hard, ...spec },
    ...(used === undefined ? {} : { status: { hard, used } }),
  }
}

const sized = (name: string, memory: string, shape: PodShape = {}) =>
  pod(name, {
    ...shape,
    spec: { containers: [{ name: 'c', resources: { requests: { memory } } }], ...shape.spec },
  })

const service: KubeObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } }
const all: Readonly<Record<string, readonly KubeObject[]>> = {
  '/pods': [
    sized('a', '1Gi'),
    sized('b', '512Mi', { spec: { priorityClassName: 'high' } }),
    sized('c', '8Gi', { phase: 'Succeeded' }),
    pod('d', { spec: { activeDeadlineSeconds: 60 } }),
  ],
  '/services': [service, service],
  'example.com/widgets': [service],
}

const used = (of: ResourceQuota) =>
  recounted(of, ({ group, plural }) => all[`${group}/${plural}`] ?? null)?.used ?? null

const priority = { scopeName: 'PriorityClass', operator: 'In', values: ['high'] }

test.each<readonly [string, ResourceQuota, Amounts | null]>([
  [
    'one that nobody has counted says what there is',
    quota({ pods: '9', 'requests.memory': '9Gi', 'count/pods': '9' }),
    { pods: '3', 'requests.memory': '1536Mi', 'count/pods': '4' },
  ],
  [
    'one that says too much says less',
    quota({ services: '5' }, { services: '5' }),
    { services: '2' },
  ],
  ['one that says too little says more', quota({ pods: '5' }, { pods: '1' }), { pods: '3' }],
  ['one that is right stays', quota({ pods: '5' }, { pods: '3' }), null],
  [
    'one that is right in other words stays',
    quota({ 'requests.memory': '4Gi' }, { 'requests.memory': '1610612736' }),
    null,
  ],
  [
    'limits that are new are counted',
    {
      ...quota({ pods: '5', services: '3' }),
      status: { hard: { pods: '5' }, used: { pods: '3' } },
    },
    { pods: '3', services: '2' },
  ],
  [
    'scopes are kept to',
    quota({ pods: '5' }, undefined, { scopes: ['NotTerminating', 'NotBestEffort'] }),
    { pods: '2' },
  ],
  [
    'selectors of scopes, too',
    quota({ pods: '5' }, undefined, { scopeSelector: { matchExpressions: [priority] } }),
    { pods: '1' },
  ],
  [
    'kinds of users count',
    quota({ 'count/widgets.example.com': '5' }),
    { 'count/widgets.example.com': '1' },
  ],
  [
    'what is not served keeps what it said',
    quota(
      { 'count/gone.example.com': '5', services: '3' },
      { 'count/gone.example.com': '4', services: '0' },
    ),
    { 'count/gone.example.com': '4', services: '2' },
  ],
])('%s', (_, of, expected) => {
  expect(used(of)).toEqual(expected)
})
