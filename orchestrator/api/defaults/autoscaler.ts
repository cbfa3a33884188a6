// What autoscalers mean when they do not say. Counterpart: pkg/apis/autoscaling/v2/defaults.go.

import { cpuMetric, defaultUtilizationPercent } from '../conversion/horizontal-pod-autoscaler.js'
import type { KubeObject } from '../object.js'
import type { HorizontalPodAutoscaler as V1 } from '../types/autoscaling-v1.js'
import type { HorizontalPodAutoscaler as V2, HPAScalingRules } from '../types/autoscaling-v2.js'

const scaleUp: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
}

const scaleDown: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
}

function rules(given: HPAScalingRules | undefined, usual: HPAScalingRules): HPAScalingRules {
  const { policies = [], ...rest } = given ?? {}
  const chosen = policies.length === 0 ? (usual.policies ?? []) : policies
  return { ...usual, ...rest, policies: chosen }
}

/** A behaviour that says something is completed; one that says nothing is the controller's to know. */
export function autoscalerDefaults(object: KubeObject): KubeObject {
  const autoscaler = object as V2
  if ((autoscaler.spec as V2['spec'] | undefined) === undefined) return object
  const { metrics = [], behavior } = autoscaler.spec
  const complete: V2 = {
    ...autoscaler,
    spec: {
      ...autoscaler.spec,
      minReplicas: autoscaler.spec.minReplicas ?? 1,
      metrics: metrics.length === 0 ? [cpuMetric(defaultUtilizationPercent)] : metrics,
      ...(behavior === undefined
        ? {}
        : {
            behavior: {
              scaleUp: rules(behavior.scaleUp, scaleUp),
              scaleDown: rules(behavior.scaleDown, scaleDown),
            },
          }),
    },
  }
  return complete
}

export function autoscalerV1Defaults(object: KubeObject): KubeObject {
  const autoscaler = object as V1
  if ((autoscaler.spec as V1['spec'] | undefined) === undefined) return object
  const minReplicas = autoscaler.spec.minReplicas ?? 1
  const complete: V1 = { ...autoscaler, spec: { ...autoscaler.spec, minReplicas } }
  return complete
}
