// NetworkPolicies: who may talk to which pods. Counterpart: pkg/registry/networking/networkpolicy.

import { networkPolicyDefaults } from '../../defaults/networking.js'
import type { Kind } from '../../kind.js'
import { networkPolicy as schema } from '../../schema/networking-policy.js'
import type { NetworkPolicy } from '../../types/networking-policy.js'
import { validateNetworkPolicy } from '../../validation/network-policy.js'
import { ageColumn, nameColumn, selectorText, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const networkPolicy: Kind = {
  ...ordinary,
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  schema,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<NetworkPolicy>('Pod-Selector', 'The labels of its pods.', p =>
      selectorText(p.spec?.podSelector),
    ),
    ageColumn,
  ],
  withDefaults: networkPolicyDefaults,
  validate: object => validateNetworkPolicy(object),
}
