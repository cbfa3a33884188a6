// Checks of Nodes. Counterpart: ValidateNode and ValidateNodeUpdate of pkg/apis/core/validation.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { Node } from '../types/core-node.js'
import { duplicate, forbiddenField, invalidFor, invalidValue } from './field-errors.js'
import { validateObjectName } from './metadata.js'
import { cidr, dns1123Subdomain } from './names.js'
import { validateTaints } from './scheduling.js'

function validateAddresses(node: Node): FieldError[] {
  const seen = new Set<string>()
  return (node.status?.addresses ?? []).flatMap((address, index) => {
    const identity = `${address.type}/${address.address}`
    const taken = seen.has(identity)
    seen.add(identity)
    return taken ? [duplicate(`status.addresses[${index}]`, { ...address })] : []
  })
}

/** What a node is called by its cloud, and which pods' addresses it owns, is decided once. */
function validateUpdate(node: Node, old: Node): FieldError[] {
  const errors: FieldError[] = []
  const provider = old.spec?.providerID ?? ''
  if (provider !== '' && provider !== (node.spec?.providerID ?? '')) {
    const text = 'node updates may not change providerID except from "" to valid'
    errors.push(forbiddenField('spec.providerID', text))
  }
  const cidrs = old.spec?.podCIDRs ?? []
  if (cidrs.length > 0 && !sameJson(node.spec?.podCIDRs, cidrs)) {
    const text = 'node updates may not change podCIDR except from "" to valid'
    errors.push(forbiddenField('spec.podCIDRs', text))
  }
  return errors
}

export function validateNode(node: Node, old: Node | null): FieldError[] {
  const { podCIDR, podCIDRs } = node.spec ?? {}
  const errors = validateObjectName(node, dns1123Subdomain)
  for (const [index, range] of (podCIDRs ?? []).entries()) {
    errors.push(...invalidFor(`spec.podCIDRs[${index}]`, range, cidr(range)))
  }
  if (podCIDR !== undefined && podCIDR !== '' && (podCIDRs?.[0] ?? podCIDR) !== podCIDR) {
    const text = 'podCIDR must match the first of podCIDRs'
    errors.push(invalidValue('spec.podCIDRs', [...(podCIDRs ?? [])], text))
  }
  return [
    ...errors,
    ...validateTaints(node.spec?.taints ?? [], 'spec.taints'),
    ...validateAddresses(node),
    ...(old === null ? [] : validateUpdate(node, old)),
  ]
}
