// Endpoints: the addresses behind a Service, as older clients read them.
// Counterpart: pkg/registry/core/endpoint and formatEndpoints.

import { endpointsDefaults } from '../../defaults/service.js'
import type { Kind } from '../../kind.js'
import { endpoints as schema } from '../../schema/core-service.js'
import type { Endpoints } from '../../types/core-service.js'
import { validateEndpoints } from '../../validation/endpoints.js'
import { ageColumn, firstThree, nameColumn, none, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function joinHostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

function endpointsText({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return none
  const texts = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(a => a.ip)
      : ports.flatMap(port => addresses.map(a => joinHostPort(a.ip, port.port))),
  )
  return firstThree(texts)
}

export const endpoints: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  schema,
  columns: [
    nameColumn,
    text<Endpoints>('Endpoints', 'Addresses and ports that are ready.', endpointsText),
    ageColumn,
  ],
  withDefaults: endpointsDefaults,
  validate: object => validateEndpoints(object),
}
