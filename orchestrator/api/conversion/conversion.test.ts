import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { event as coreEvent } from '../kinds/core/event.js'
import { newEvent } from '../kinds/events/event.js'
import {
  horizontalPodAutoscaler as v2,
  horizontalPodAutoscalerV1 as v1,
} from '../kinds/autoscaling/horizontal-pod-autoscaler.js'
import type { JsonObject, KubeObject } from '../object.js'
import { fromStored, toStored } from '../stored-version.js'
import { validateObject } from '../validation/object.js'
import { compileFieldSelector, parseFieldSelector } from '../selectors.js'

const read = <T>(object: KubeObject, _: string, value: (object: KubeObject) => T): T =>
  value(object)

const metadata = { name: 'web', namespace: 'a' }
const scaleTargetRef = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' }

function autoscaler(version: string, spec: JsonObject, rest: JsonObject = {}): KubeObject {
  const kind = 'HorizontalPodAutoscaler'
  const whole = { scaleTargetRef, maxReplicas: 3, ...spec }
  return {
    apiVersion: `autoscaling/${version}`,
    kind,
    metadata,
    spec: whole,
    ...rest,
  } as KubeObject
}

const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})

const selector = { matchLabels: { a: 'b' } }
const otherMetrics = [
  {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
  },
  {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '1' } },
  },
  {
    type: 'Pods',
    pods: {
      metric: { name: 'rps', selector },
      target: { type: 'AverageValue', averageValue: '100' },
    },
  },
  {
    type: 'Object',
    object: {
      describedObject: { kind: 'Service', name: 's' },
      metric: { name: 'rps' },
      target: { type: 'Value', value: '2k' },
    },
  },
  {
    type: 'Object',
    object: {
      describedObject: { kind: 'Service', name: 's' },
      metric: { name: 'rps' },
      target: { type: 'AverageValue', averageValue: '5' },
    },
  },
  {
    type: 'External',
    external: { metric: { name: 'queue', selector }, target: { type: 'Value', value: '30' } },
  },
  {
    type: 'External',
    external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '30' } },
  },
  {
    type: 'ContainerResource',
    containerResource: {
      name: 'cpu',
      container: 'app',
      target: { type: 'Utilization', averageUtilization: 60 },
    },
  },
]

describe('autoscalers', () => {
  test('what v1 says is processor time in v2, and 80 percent of it when it says nothing', () => {
    const stored = toStored(v1, autoscaler('v1', { targetCPUUtilizationPercentage: 50 }))
    expect(stored).toMatchObject({
      apiVersion: 'autoscaling/v2',
      spec: { minReplicas: 1, maxReplicas: 3, metrics: [cpu(50)] },
    })
    expect(fromStored(v1, stored)).toMatchObject({
      apiVersion: 'autoscaling/v1',
      spec: { targetCPUUtilizationPercentage: 50 },
    })
    expect(fromStored(v1, stored).metadata).toEqual(metadata)
    expect(toStored(v1, autoscaler('v1', {}))).toMatchObject({ spec: { metrics: [cpu(80)] } })
    expect(toStored(v2, autoscaler('v2', {}))).toMatchObject({ spec: { metrics: [cpu(80)] } })
  })

  test('what v1 has no field for stands in annotations, in the older layout', () => {
    const conditions = [{ type: 'AbleToScale', status: 'True' }]
    const currentMetrics = [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageUtilization: 7, averageValue: '70m' } },
      },
    ]
    const status = { currentReplicas: 2, desiredReplicas: 2, currentMetrics, conditions }
    const memory = {
      type: 'Resource',
      resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 90 } },
    }
    const shown = fromStored(v1, autoscaler('v2', { metrics: [memory, cpu(50)] }, { status }))
    expect(shown.metadata.annotations).toEqual({
      'autoscaling.alpha.kubernetes.io/metrics':
        '[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":90}}]',
      'autoscaling.alpha.kubernetes.io/current-metrics':
        '[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":7,"currentAverageValue":"70m"}}]',
      'autoscaling.alpha.kubernetes.io/conditions': '[{"type":"AbleToScale","status":"True"}]',
    })
    expect(shown).toMatchObject({
      spec: { targetCPUUtilizationPercentage: 50 },
      status: { currentReplicas: 2, desiredReplicas: 2, currentCPUUtilizationPercentage: 7 },
    })
  })

  test('nothing is lost on the way through v1, in whatever order cpu is stated last', () => {
    const rules = { stabilizationWindowSeconds: 5 }
    fc.assert(
      fc.property(
        fc.subarray(otherMetrics),
        fc.option(fc.integer({ min: 1, max: 100 })),
        fc.boolean(),
        (others, percent, behaves) => {
          const metrics = [...others, ...(percent === null ? [] : [cpu(percent)])]
          const behavior = behaves ? { behavior: { scaleUp: rules } } : {}
          const object = toStored(v2, autoscaler('v2', { metrics, ...behavior }))
          expect(validateObject(v2, object, null)).toEqual([])
          expect(toStored(v1, fromStored(v1, object))).toEqual(object)
        },
      ),
    )
  })

  test('annotations that make no sense are dropped, not believed', () => {
    const name = 'autoscaling.alpha.kubernetes.io/metrics'
    for (const text of ['[', '5', '[5]', '[{"type":7}]', '[{"type":"Pods","pods":"x"}]']) {
      const given = {
        ...autoscaler('v1', {}),
        metadata: { ...metadata, annotations: { [name]: text } },
      }
      const stored = toStored(v1, given)
      expect(stored.metadata).toEqual(metadata)
    }
  })

  test.each<readonly [string, JsonObject, string]>([
    [
      'no room',
      { minReplicas: 5 },
      'spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`',
    ],
    [
      'none at all',
      { minReplicas: 0 },
      'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
    ],
    [
      'an unknown metric',
      { metrics: [{ type: 'X' }] },
      'spec.metrics[0].type: Unsupported value: "X": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
    ],
    [
      'a metric without its source',
      { metrics: [{ type: 'Pods' }] },
      'spec.metrics[0].pods: Required value: must populate information for the given metric source',
    ],
    [
      'two sources',
      { metrics: [{ ...cpu(5), pods: { metric: { name: 'a' }, target: { type: 'Value' } } }] },
      'spec.metrics[0].pods: Forbidden: must populate the given metric source only',
    ],
    [
      'no target',
      {
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }],
      },
      'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
    ],
    [
      'a window of days',
      { behavior: { scaleDown: { stabilizationWindowSeconds: 4000 } } },
      'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600',
    ],
  ])('%s is refused', (_, spec, text) => {
    const errors = validateObject(v2, toStored(v2, autoscaler('v2', spec)), null)
    expect(errors.map(({ field, message }) => `${field}: ${message}`)).toContain(text)
  })

  test.each<readonly [readonly JsonObject[], readonly JsonObject[], string]>([
    [[cpu(80)], [], 'cpu: <unknown>/80%'],
    [
      [cpu(80)],
      [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12 } } }],
      'cpu: 12%/80%',
    ],
    [otherMetrics.slice(0, 1), [], 'memory: <unknown>/1Gi'],
    [otherMetrics.slice(2, 5), [], '<unknown>/100, <unknown>/2k + 1 more...'],
    [otherMetrics.slice(4, 5), [], '<unknown>/5 (avg)'],
  ])('targets of %j with %j are shown as %s, in both versions', (metrics, currentMetrics, text) => {
    const object = autoscaler('v2', { metrics }, { status: { desiredReplicas: 1, currentMetrics } })
    expect(v2.columns[2]?.cell(object, 0)).toBe(text)
    expect(v1.columns[2]?.cell(fromStored(v1, object), 0)).toBe(text)
  })
})

describe('events', () => {
  const core = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'a' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'a' },
    message: 'hello',
    count: 2,
    reportingComponent: 'kubelet',
    reportingInstance: 'n1',
  }

  test('are the same under other names', () => {
    const shown = fromStored(newEvent, core)
    expect(shown).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: core.metadata,
      eventTime: null,
      regarding: core.involvedObject,
      note: 'hello',
      deprecatedCount: 2,
      reportingController: 'kubelet',
      reportingInstance: 'n1',
    })
    expect(toStored(newEvent, shown)).toEqual(core)
  })

  test('are selected by the names of each version, and printed alike', () => {
    const selects = (kind: typeof newEvent, text: string, object: KubeObject) =>
      compileFieldSelector(kind, parseFieldSelector(text), read)(object)
    const shown = fromStored(newEvent, core)
    expect(selects(coreEvent, 'involvedObject.name=p,reportingComponent=kubelet', core)).toBe(true)
    expect(selects(newEvent, 'regarding.name=p,reportingController=kubelet', shown)).toBe(true)
    expect(selects(newEvent, 'regarding.name=q', shown)).toBe(false)
    expect(() => selects(newEvent, 'involvedObject.name=p', shown)).toThrow('not supported')
    const cells = (kind: typeof newEvent, object: KubeObject) =>
      kind.columns.map(c => c.cell(object, 0))
    expect(cells(newEvent, shown)).toEqual(cells(coreEvent, core))
  })

  test('of the newer version say more, and only their series goes on', () => {
    const fields = (object: KubeObject, old: KubeObject | null = null) =>
      validateObject(newEvent, toStored(newEvent, object), old).map(error => error.field)
    expect(fields(fromStored(newEvent, core))).toEqual(['eventTime', 'type', 'count'])
    const good = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: core.metadata,
      eventTime: '2026-01-01T00:00:00.000000Z',
      regarding: core.involvedObject,
      action: 'Binding',
      reason: 'Scheduled',
      type: 'Normal',
      note: 'hello',
      reportingController: 'example.com/x',
      reportingInstance: 'x-1',
    }
    expect(fields(good)).toEqual([])
    expect(fields({ ...good, reportingController: '' } as KubeObject)).toContain(
      'reportingController',
    )
    const old = toStored(newEvent, good)
    const series = { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' }
    expect(fields({ ...good, series } as KubeObject, old)).toEqual([])
    expect(fields({ ...good, note: 'changed' } as KubeObject, old)).toEqual(['message'])
  })
})
