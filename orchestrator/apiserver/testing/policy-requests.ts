// Requests, and a cluster around them, for tests of admission policies.

import { deployment } from '../../api/kinds/apps/deployment.js'
import { kinds } from '../../api/kinds.js'
import type { KubeObject } from '../../api/object.js'
import type { DynamicRequest } from '../admission/dynamic.js'
import type { PolicyView } from '../admission/policy/validating-decision.js'

const user = { name: 'jane', uid: '', groups: ['team'], extra: {} }

export function deploymentOf(replicas: number, labels: Record<string, string> = {}): KubeObject {
  return deployment.withDefaults({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'a', labels },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'example/web:1' }] },
      },
    },
  } as unknown as KubeObject)
}

export function requestOf(changes: Partial<DynamicRequest> = {}): DynamicRequest {
  return {
    kind: deployment,
    requestKind: deployment,
    body: null,
    subresource: '',
    operation: 'create',
    namespace: 'a',
    name: 'web',
    object: deploymentOf(3),
    old: null,
    user,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    dryRun: false,
    ...changes,
  }
}

const namespaceA: KubeObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'a', labels: { env: 'prod' } },
}
const limits = (name: string, max: string, labels = {}): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'a', labels },
    data: { max },
  }) as KubeObject
const paramObjects = [limits('limits', '5'), limits('low', '2', { tier: 'x' })]

export const view: PolicyView = {
  served: kinds,
  namespace: name => (name === 'a' ? namespaceA : null),
  converted: object => object,
  decide: (who, asked) => ({
    allowed: who === null && asked.kind === 'resource' && asked.verb === 'approve',
    reason: 'because',
  }),
  params: {
    kind: (apiVersion, kind) =>
      kinds.find(one => one.kind === kind && apiVersion === one.version && one.group === '') ??
      null,
    object: (_, namespace, name) =>
      paramObjects.find(
        ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
      ) ?? null,
    list: () => paramObjects,
  },
}

export const everyDeployment = {
  resourceRules: [
    { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['*'], resources: ['deployments'] },
  ],
}
