// APIServices: who serves a group and version. Counterpart: registry/apiservice of kube-aggregator.

import { localCondition } from '../../aggregation/availability.js'
import { apiregistrationGroup } from '../../aggregation/local-services.js'
import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { apiService as schema } from '../../schema/apiregistration.js'
import type { APIService } from '../../types/apiregistration.js'
import { validateApiService } from '../../validation/api-service.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function withDefaults(object: KubeObject): KubeObject {
  const service = object as APIService
  const place = service.spec?.service
  if (place === undefined || (place.port ?? 0) !== 0) return service
  const complete: APIService = {
    ...service,
    spec: { ...service.spec, service: { ...place, port: 443 } },
  }
  return complete
}

/** What is served here needs no check. */
function onCreate(object: KubeObject): KubeObject {
  const service = object as APIService
  if (service.spec.service !== undefined) return service
  const now = service.metadata.creationTimestamp ?? ''
  const complete: APIService = { ...service, status: { conditions: [localCondition(now)] } }
  return complete
}

export const apiService: Kind = {
  ...ordinary,
  group: apiregistrationGroup,
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  singular: 'apiservice',
  categories: ['api-extensions'],
  namespaced: false,
  schema,
  hasStatus: true,
  writes: { onCreate },
  columns: [
    nameColumn,
    text<APIService>('Service', 'Who serves it.', ({ spec: { service } }) =>
      service === undefined ? 'Local' : `${service.namespace ?? ''}/${service.name ?? ''}`,
    ),
    text<APIService>('Available', 'Whether it is served at the moment.', available),
    ageColumn,
  ],
  withDefaults,
  validate: object => validateApiService(object as APIService),
}

function available({ status }: APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === 'Available')
  if (condition === undefined) return 'Unknown'
  return condition.status === 'True'
    ? condition.status
    : `${condition.status} (${condition.reason ?? ''})`
}
