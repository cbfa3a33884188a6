// Services: one address for many pods. Counterpart: pkg/registry/core/service and printService.

import { serviceDefaults } from '../../defaults/service.js'
import type { Kind } from '../../kind.js'
import { service as schema } from '../../schema/core-service.js'
import type { Service } from '../../types/core-service.js'
import { validateService } from '../../validation/service.js'
import { ageColumn, joined, labelsText, nameColumn, none, text, wide } from '../columns.js'
import { ordinary } from '../kind-parts.js'
import { withoutLeftovers } from './service-type-change.js'

function clusterIpText({ spec }: Service): string {
  return spec?.clusterIPs?.[0] || spec?.clusterIP || none
}

function externalIpText({ spec, status }: Service): string {
  const external = spec?.externalIPs ?? []
  switch (spec?.type ?? '') {
    case 'ExternalName':
      return spec?.externalName ?? ''
    case 'LoadBalancer': {
      const balancers = (status?.loadBalancer?.ingress ?? [])
        .map(i => i.ip || (i.hostname ?? ''))
        .filter(address => address !== '')
      const addresses = [...[...new Set(balancers)].sort(), ...external]
      return addresses.length === 0 ? '<pending>' : addresses.join(',')
    }
    default:
      return joined(external)
  }
}

function portsText({ spec }: Service): string {
  const ports = (spec?.ports ?? []).map(({ port, nodePort, protocol }) => {
    const number = nodePort === undefined || nodePort === 0 ? `${port}` : `${port}:${nodePort}`
    return `${number}/${protocol ?? 'TCP'}`
  })
  return joined(ports)
}

export const service: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  schema,
  hasStatus: true,
  subresources: [
    {
      name: 'proxy',
      group: '',
      version: 'v1',
      kind: 'ServiceProxyOptions',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
    },
  ],
  columns: [
    nameColumn,
    text<Service>('Type', 'How the service is reached.', s => s.spec?.type ?? ''),
    text<Service>('Cluster-IP', 'Its address inside the cluster.', clusterIpText),
    text<Service>('External-IP', 'Its addresses outside the cluster.', externalIpText),
    text<Service>('Port(s)', 'Its ports, each with its node port and protocol.', portsText),
    ageColumn,
    wide<Service>('Selector', 'The labels of its pods.', s => labelsText(s.spec?.selector)),
  ],
  fieldSelectors: {
    'spec.clusterIP': object => (object as Service).spec?.clusterIP ?? '',
    'spec.type': object => (object as Service).spec?.type ?? '',
  },
  withDefaults: serviceDefaults,
  validate: (object, old) => validateService(object, old),
  writes: {
    deleteReturnsObject: true,
    initialStatus: { loadBalancer: {} },
    onUpdate: withoutLeftovers,
  },
}
