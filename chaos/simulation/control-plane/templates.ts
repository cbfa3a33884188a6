// What the simulated users ask for: small workloads of every kind, drawn.

import type { DaemonSet } from '../../../orchestrator/api/types/apps-daemon-set.js'
import type { StatefulSet } from '../../../orchestrator/api/types/apps-stateful-set.js'
import type { Deployment } from '../../../orchestrator/api/types/apps.js'
import type { CronJob, Job } from '../../../orchestrator/api/types/batch.js'
import type { PodTemplateSpec } from '../../../orchestrator/api/types/core-pod.js'
import type { PodDisruptionBudget } from '../../../orchestrator/api/types/policy-disruption-budget.js'
import type { Random } from '../../../platform/random.js'
import { exitCodeAnnotation, runSecondsAnnotation } from '../../../testing/pretend-machine.js'
import { chance, pick, wholeBetween } from '../streams.js'

export interface PodTraits {
  readonly app: string
  readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never'
  readonly runSeconds?: number
  readonly exitCode?: number
  readonly cpu?: string
  /** Another one is another template. */
  readonly generation?: number
}

/** Long enough for a machine that starts again, not for one that is gone. */
const tolerationSeconds = 15

export function podTemplate(traits: PodTraits): PodTemplateSpec {
  const { app, restartPolicy = 'Always', runSeconds, exitCode, cpu = '250m' } = traits
  const lost = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
  return {
    metadata: {
      labels: { app },
      annotations: {
        ...(runSeconds === undefined ? {} : { [runSecondsAnnotation]: String(runSeconds) }),
        ...(exitCode === undefined ? {} : { [exitCodeAnnotation]: String(exitCode) }),
      },
    },
    spec: {
      restartPolicy,
      terminationGracePeriodSeconds: 5,
      tolerations: lost.map(key => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds,
      })),
      containers: [
        {
          name: 'main',
          image: 'image:1',
          env: [{ name: 'GENERATION', value: String(traits.generation ?? 0) }],
          resources: { requests: { cpu } },
        },
      ],
    },
  }
}

type At = { readonly namespace: string; readonly name: string }

const selecting = (app: string) => ({ matchLabels: { app } })

export function deployment(at: At, random: Random, crowded: boolean): Deployment {
  const cpu = pick(random, crowded ? ['1200m', '1500m', '2500m'] : ['100m', '500m', '1500m'])
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: at,
    spec: {
      replicas: wholeBetween(random, 1, 5),
      selector: selecting(at.name),
      strategy: { type: chance(random, 0.8) ? 'RollingUpdate' : 'Recreate' },
      template: podTemplate({ app: at.name, cpu }),
    },
  }
}

export function statefulSet(at: At, random: Random): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: at,
    spec: {
      serviceName: at.name,
      replicas: wholeBetween(random, 1, 4),
      podManagementPolicy: chance(random, 0.5) ? 'OrderedReady' : 'Parallel',
      selector: selecting(at.name),
      template: podTemplate({ app: at.name }),
    },
  }
}

export function daemonSet(at: At): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: at,
    spec: {
      selector: selecting(at.name),
      template: podTemplate({ app: at.name, cpu: '50m' }),
    },
  }
}

function jobSpec(app: string, random: Random) {
  const fails = chance(random, 0.2)
  const completions = pick(random, [1, 1, 2, 2, 3, 5])
  return {
    completions,
    parallelism: wholeBetween(random, 1, 2),
    completionMode: chance(random, 0.3) ? 'Indexed' : 'NonIndexed',
    backoffLimit: fails ? 1 : 20,
    template: podTemplate({
      app,
      restartPolicy: chance(random, 0.7) ? 'Never' : 'OnFailure',
      runSeconds: wholeBetween(random, 1, 8),
      exitCode: fails ? 1 : 0,
      cpu: '100m',
    }),
  }
}

export function job(at: At, random: Random): Job {
  const ttl = chance(random, 0.3) ? { ttlSecondsAfterFinished: wholeBetween(random, 1, 20) } : {}
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: at,
    spec: { ...jobSpec(at.name, random), ...ttl },
  }
}

export function cronJob(at: At, random: Random): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: at,
    spec: {
      schedule: '* * * * *',
      concurrencyPolicy: pick(random, ['Allow', 'Forbid', 'Replace']),
      successfulJobsHistoryLimit: wholeBetween(random, 0, 3),
      jobTemplate: {
        spec: {
          backoffLimit: 20,
          template: podTemplate({
            app: at.name,
            restartPolicy: 'Never',
            runSeconds: pick(random, [2, 20, 80]),
            cpu: '50m',
          }),
        },
      },
    },
  }
}

export function disruptionBudget(at: At, random: Random): PodDisruptionBudget {
  const allowance = chance(random, 0.5) ? { minAvailable: 1 } : { maxUnavailable: 1 }
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: at,
    spec: { ...allowance, selector: selecting(at.name) },
  }
}
