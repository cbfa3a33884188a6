// Ingresses: ways from outside to Services, by host and path. Counterpart:
// pkg/registry/networking/ingress and printIngress.

import type { Kind } from '../../kind.js'
import { ingress as schema } from '../../schema/networking-ingress.js'
import type { Ingress } from '../../types/networking-ingress.js'
import { validateIngress } from '../../validation/ingress.js'
import { ageColumn, firstThree, nameColumn, none, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function hostsText({ spec }: Ingress): string {
  const hosts = (spec?.rules ?? []).flatMap(({ host = '' }) => (host === '' ? [] : [host]))
  return hosts.length === 0 ? '*' : firstThree(hosts)
}

function addressText({ status }: Ingress): string {
  const found = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => {
    const address = ip || (hostname ?? '')
    return address === '' ? [] : [address]
  })
  return [...new Set(found)].sort().join(',')
}

export const ingress: Kind = {
  ...ordinary,
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  singular: 'ingress',
  shortNames: ['ing'],
  schema,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<Ingress>('Class', 'Who serves it.', i => i.spec?.ingressClassName ?? none),
    text<Ingress>('Hosts', 'The hosts that it serves.', hostsText),
    text<Ingress>('Address', 'Where it can be reached.', addressText),
    text<Ingress>('Ports', 'The ports of its hosts.', i =>
      (i.spec?.tls ?? []).length > 0 ? '80, 443' : '80',
    ),
    ageColumn,
  ],
  validate: (object, old) => validateIngress(object, old),
}
