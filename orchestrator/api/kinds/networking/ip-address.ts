// IPAddresses: who holds an address of the Services' ranges. Counterpart:
// pkg/registry/networking/ipaddress and printIPAddress.

import type { Kind } from '../../kind.js'
import { ipAddress as schema } from '../../schema/networking-address.js'
import type { IPAddress } from '../../types/networking-address.js'
import { validateIpAddress } from '../../validation/service-address.js'
import { nameColumn, none, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function parentText({ spec }: IPAddress): string {
  const parent = spec.parentRef
  if (parent === undefined) return none
  const { group = '', resource, namespace = '', name } = parent
  const plural = (group === '' ? resource : `${resource}.${group}`).toLowerCase()
  return namespace === '' ? `${plural}/${name}` : `${plural}/${namespace}/${name}`
}

export const ipAddress: Kind = {
  ...ordinary,
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  singular: 'ipaddress',
  shortNames: ['ip'],
  namespaced: false,
  schema,
  columns: [
    nameColumn,
    text<IPAddress>('ParentRef', 'The object that holds the address.', parentText),
  ],
  validate: (object, old) => validateIpAddress(object as IPAddress, old as IPAddress | null),
}
