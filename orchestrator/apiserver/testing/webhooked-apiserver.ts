// A real API server with a webhook server beside it, and configurations that last for one test.

import { ApiClient } from './api-client.js'
import { kubectlBinaries, kubectlWith } from './kubectl.js'
import type { Kubectl } from './kubectl.js'
import { startTestApiserver } from './start-apiserver.js'
import type { TestApiserver } from './start-apiserver.js'
import { startWebhookServer } from './webhook-server.js'
import type { WebhookServer } from './webhook-server.js'

type Fields = Readonly<Record<string, unknown>>

export interface WebhookedApiserver {
  readonly server: TestApiserver
  readonly hooks: WebhookServer
  readonly api: ApiClient
  readonly kubectl: Kubectl
  /** Serves once this has resolved: a list is not answered before the cache has what was written. */
  readonly configure: (
    sort: 'mutating' | 'validating',
    name: string,
    webhook: Fields,
  ) => Promise<void>
  /** Takes all configurations away. */
  readonly unconfigure: () => Promise<void>
  readonly close: () => Promise<void>
}

export const ofMaps = {
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  resources: ['configmaps'],
}

const group = '/apis/admissionregistration.k8s.io/v1'

export async function startWebhookedApiserver(): Promise<WebhookedApiserver> {
  const server = await startTestApiserver()
  const hooks = await startWebhookServer(server.authority, ['hooks.default.svc'])
  const api = new ApiClient(server.url, server.authority.caFile, server.admin)
  const [newest] = kubectlBinaries(['1.33'])
  const configured: string[] = []
  return {
    server,
    hooks,
    api,
    kubectl: kubectlWith(newest?.[1] ?? '', server.kubeconfig),
    async configure(sort, name, webhook) {
      const plural = `${sort}webhookconfigurations`
      const kind = `${sort === 'mutating' ? 'Mutating' : 'Validating'}WebhookConfiguration`
      const answer = await api.request('POST', `${group}/${plural}`, {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind,
        metadata: { name },
        webhooks: [
          {
            name: `${name}.hooks.test`,
            clientConfig: { url: `${hooks.url}/${name}`, caBundle: hooks.caBundle },
            rules: [ofMaps],
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
            timeoutSeconds: 5,
            ...webhook,
          },
        ],
      })
      if (answer.status !== 201) throw new Error(answer.text)
      configured.push(`${group}/${plural}/${name}`)
      await api.get(`${group}/${plural}`)
    },
    async unconfigure() {
      for (const path of configured.splice(0)) {
        await api.request('DELETE', path)
        await api.get(path.slice(0, path.lastIndexOf('/')))
      }
    },
    async close() {
      api.close()
      await hooks.close()
      await server.close()
    },
  }
}
