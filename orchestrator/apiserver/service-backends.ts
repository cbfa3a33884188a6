// Where the cache says that a Service can be reached.

import { serviceBackends } from '../api/service-backends.js'
import type { ServiceBackends } from '../api/service-backends.js'
import type { Service } from '../api/types/core-service.js'
import type { EndpointSlice } from '../api/types/discovery.js'
import { collectionPrefix, objectKey, resourceId } from './keys.js'
import type { RegistryCache } from './registry-cache.js'

export const serviceResource = resourceId('', 'services')
export const sliceResource = resourceId('discovery.k8s.io', 'endpointslices')

/** `port`: of the Service. */
export function backendsInCache(
  cache: RegistryCache,
  namespace: string,
  name: string,
  port: number,
): ServiceBackends {
  const stored = cache.resource(serviceResource).get(objectKey(serviceResource, namespace, name))
  const service: Service | undefined = stored?.object
  const slices = cache
    .resource(sliceResource)
    .list(collectionPrefix(sliceResource, namespace))
    .map(one => one.object as EndpointSlice)
  return serviceBackends(service, slices, port)
}
