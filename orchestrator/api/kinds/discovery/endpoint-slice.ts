// EndpointSlices: the addresses behind a Service, a hundred to a slice.
// Counterpart: pkg/registry/discovery/endpointslice and printEndpointSlice.

import { endpointSliceDefaults } from '../../defaults/service.js'
import type { Kind } from '../../kind.js'
import { endpointSlice as schema } from '../../schema/discovery.js'
import type { EndpointSlice } from '../../types/discovery.js'
import { validateEndpointSlice } from '../../validation/endpoints.js'
import { ageColumn, firstThree, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function portsText({ ports = [] }: EndpointSlice): string {
  if (ports.length === 0) return '<unset>'
  return firstThree(ports.map(p => (p.port === undefined ? '*' : String(p.port))))
}

function endpointsText(slice: EndpointSlice): string {
  const addresses = (slice.endpoints ?? []).flatMap(e => e.addresses)
  return addresses.length === 0 ? '<unset>' : firstThree(addresses)
}

export const endpointSlice: Kind = {
  ...ordinary,
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  singular: 'endpointslice',
  schema,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<EndpointSlice>('AddressType', 'IPv4, IPv6 or FQDN.', s => s.addressType),
    text<EndpointSlice>('Ports', 'The ports of every address.', portsText),
    text<EndpointSlice>('Endpoints', 'The addresses.', endpointsText),
    ageColumn,
  ],
  withDefaults: endpointSliceDefaults,
  validate: (object, old) => {
    return validateEndpointSlice(object as EndpointSlice, old as EndpointSlice | null)
  },
}
