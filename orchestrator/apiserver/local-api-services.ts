// Keeps an APIService for every group and version that is served here, and tells extension API servers
// how to know us. Every master does so; they come to the same. Counterpart: the autoregister and CRD
// registration controllers of kube-aggregator, and the client-ca hook of kube-apiserver.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import { localServiceSteps } from '../api/aggregation/local-services.js'
import type { LocalServiceStep } from '../api/aggregation/local-services.js'
import { sameJson } from '../api/equality.js'
import type { KindRegistry } from '../api/kind-registry.js'
import { apiService } from '../api/kinds/apiregistration/api-service.js'
import { configMap } from '../api/kinds/core/config-map.js'
import { isStatusReason } from '../api/status.js'
import type { APIService } from '../api/types/apiregistration.js'
import type { ConfigMap } from '../api/types/core-config.js'
import type { ObjectReader } from './object-reader.js'
import type { ObjectWriter } from './object-writer.js'
import { asObject } from './object-fields.js'
import type { RegistryCache } from './registry-cache.js'
import { repeatedWork } from './repeated-work.js'
import type { ResourceEndpoints } from './resource-endpoints.js'
import { serverUser } from './system-bootstrap.js'

export interface LocalApiServicesOptions {
  readonly kinds: KindRegistry
  readonly endpoints: ResourceEndpoints
  readonly reader: ObjectReader
  readonly writer: ObjectWriter
  readonly cache: RegistryCache
  readonly clock: Clock
  readonly logger: Logger
}

const freshMs = 5_000

/** Rejects with ApiError when the store does not take part; call again. */
export async function ensureLocalApiServices(options: LocalApiServicesOptions): Promise<void> {
  const { kinds, reader, cache } = options
  await cache.waitUntilFresh(freshMs)
  const stored = reader
    .cachedList(apiService.group, apiService.plural, '')
    .map(one => one.object as APIService)
  const steps = localServiceSteps(stored, kinds.all)
  await Promise.all(steps.map(step => take(options, step)))
}

async function take(
  { endpoints, writer }: LocalApiServicesOptions,
  step: LocalServiceStep,
): Promise<void> {
  try {
    switch (step.kind) {
      case 'create':
        await endpoints.createOwn(apiService, step.object, serverUser)
        return
      case 'update':
        await writer.change(
          apiService,
          '',
          step.name,
          current => ({ kind: 'put', object: { ...(current as APIService), spec: step.spec } }),
          false,
        )
        return
      case 'remove':
        await writer.change(apiService, '', step.name, () => ({ kind: 'remove' }), false)
        return
    }
  } catch (error) {
    // Another master was faster.
    if (!isStatusReason(error, 'AlreadyExists') && !isStatusReason(error, 'NotFound')) throw error
  }
}

/** Follows the kinds that users define. The returned function stops it. */
export function keepLocalApiServices(options: LocalApiServicesOptions): () => void {
  const { look, stop } = repeatedWork(options, 'APIServices not written yet, trying again', () =>
    ensureLocalApiServices(options),
  )
  const unlisten = options.kinds.onChange(look)
  return () => {
    stop()
    unlisten()
  }
}

/** `proxyCaPem`: of whoever may say in headers who asks; null: nobody may. */
export async function ensureExtensionAuthentication(
  { endpoints, reader, writer, cache }: LocalApiServicesOptions,
  clientCaPem: string,
  proxyCaPem: string | null,
): Promise<void> {
  await cache.waitUntilFresh(freshMs)
  const namespace = 'kube-system'
  const name = 'extension-apiserver-authentication'
  const data = {
    'client-ca-file': clientCaPem,
    ...(proxyCaPem === null
      ? {}
      : {
          'requestheader-allowed-names': '["front-proxy-client"]',
          'requestheader-client-ca-file': proxyCaPem,
          'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
          'requestheader-group-headers': '["X-Remote-Group"]',
          'requestheader-username-headers': '["X-Remote-User"]',
        }),
  }
  const current: ConfigMap | undefined = reader.cached(configMap, namespace, name)?.object
  if (current === undefined) {
    const object = asObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace },
      data,
    })
    try {
      await endpoints.createOwn(configMap, object, serverUser)
    } catch (error) {
      if (!isStatusReason(error, 'AlreadyExists')) throw error
    }
    return
  }
  if (sameJson(current.data, data)) return
  await writer.change(
    configMap,
    namespace,
    name,
    old => ({ kind: 'put', object: { ...(old as ConfigMap), data } }),
    false,
  )
}
