// Checks of NetworkPolicies. Counterpart: pkg/apis/networking/validation.

import { addressBits, rangeContains } from '../address-range.js'
import type { FieldError } from '../kind.js'
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../types/networking-policy.js'
import { forbiddenField, invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { validateLabelSelector, validateObjectName } from './metadata.js'
import { cidr, dns1123Subdomain, portName, portNumber } from './names.js'

const protocols = ['SCTP', 'TCP', 'UDP'] as const
const policyTypes = ['Egress', 'Ingress'] as const

function validatePort(rule: NetworkPolicyPort, field: string): FieldError[] {
  const { protocol, port, endPort } = rule
  const errors: FieldError[] = []
  if (protocol !== undefined && !protocols.some(known => known === protocol)) {
    errors.push(notSupported(`${field}.protocol`, protocol, protocols))
  }
  const end = `${field}.endPort`
  if (port === undefined) {
    if (endPort !== undefined) {
      const text = 'may not be specified when `port` is not specified'
      errors.push(invalidValue(end, endPort, text))
    }
    return errors
  }
  if (typeof port === 'string') {
    if (endPort !== undefined) {
      const text = 'may not be specified when `port` is non-numeric'
      errors.push(invalidValue(end, endPort, text))
    }
    return [...errors, ...invalidFor(`${field}.port`, port, portName(port))]
  }
  errors.push(...invalidFor(`${field}.port`, port, portNumber(port)))
  if (endPort !== undefined) {
    if (endPort < port) {
      errors.push(invalidValue(end, endPort, 'must be greater than or equal to `port`'))
    }
    errors.push(...invalidFor(end, endPort, portNumber(endPort)))
  }
  return errors
}

function validateBlock(block: IPBlock, field: string): FieldError[] {
  if (block.cidr === '') return [required(`${field}.cidr`)]
  const wrong = invalidFor(`${field}.cidr`, block.cidr, cidr(block.cidr))
  if (wrong.length > 0) return wrong
  return (block.except ?? []).flatMap((except, index) => {
    const at = `${field}.except[${index}]`
    const bad = invalidFor(at, except, cidr(except))
    if (bad.length > 0) return bad
    const inside = rangeContains(block.cidr, except)
    const smaller = addressBits(except) > addressBits(block.cidr)
    return inside && smaller ? [] : [invalidValue(at, except, 'must be a strict subset of `cidr`')]
  })
}

function validatePeer(peer: NetworkPolicyPeer, field: string): FieldError[] {
  const { podSelector, namespaceSelector, ipBlock } = peer
  const errors: FieldError[] = []
  if (podSelector !== undefined) {
    errors.push(...validateLabelSelector(podSelector, `${field}.podSelector`))
  }
  if (namespaceSelector !== undefined) {
    errors.push(...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`))
  }
  if (ipBlock !== undefined) errors.push(...validateBlock(ipBlock, `${field}.ipBlock`))
  const selects = podSelector !== undefined || namespaceSelector !== undefined
  if (!selects && ipBlock === undefined) errors.push(required(field, 'must specify a peer'))
  if (selects && ipBlock !== undefined) {
    errors.push(forbiddenField(field, 'may not specify both ipBlock and another peer'))
  }
  return errors
}

function validateRules(
  rules: readonly {
    readonly ports: readonly NetworkPolicyPort[]
    readonly peers: readonly NetworkPolicyPeer[]
  }[],
  field: string,
  peerField: string,
): FieldError[] {
  return rules.flatMap(({ ports, peers }, index) => {
    const at = `${field}[${index}]`
    return [
      ...ports.flatMap((port, position) => validatePort(port, `${at}.ports[${position}]`)),
      ...peers.flatMap((peer, position) => validatePeer(peer, `${at}.${peerField}[${position}]`)),
    ]
  })
}

export function validateNetworkPolicy(policy: NetworkPolicy): FieldError[] {
  const { podSelector = {}, ingress = [], egress = [], policyTypes: types = [] } = policy.spec ?? {}
  const errors = [
    ...validateObjectName(policy, dns1123Subdomain),
    ...validateLabelSelector(podSelector, 'spec.podSelector'),
    ...validateRules(
      ingress.map(({ ports = [], from = [] }) => ({ ports, peers: from })),
      'spec.ingress',
      'from',
    ),
    ...validateRules(
      egress.map(({ ports = [], to = [] }) => ({ ports, peers: to })),
      'spec.egress',
      'to',
    ),
  ]
  if (types.length > policyTypes.length) {
    const text = 'may not specify more than two policyTypes'
    return [...errors, invalidValue('spec.policyTypes', [...types], text)]
  }
  for (const [index, type] of types.entries()) {
    if (!policyTypes.some(known => known === type)) {
      errors.push(notSupported(`spec.policyTypes[${index}]`, type, policyTypes))
    }
  }
  return errors
}
