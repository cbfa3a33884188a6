// Cluster IPs and node ports of a Service: what it needs, what it holds, what it gives back.
// Counterpart: registry/core/service/ipallocator and portallocator. A number is held by a key in
// the store that is written in the Service's own transaction, so no two masters can give it away
// twice; that of an address is an IPAddress. The same transaction stands only while the ServiceCIDR that
// the address comes from is as it was read. Pure. IPv4 only; one address a Service.

import type { FieldError } from '../api/kind.js'
import type { Json, JsonObject, KubeObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import type { Random } from '../../platform/random.js'
import { fieldAt, listAt, textAt, withField } from './object-fields.js'
import { addressKey, addressOfKey } from './service-address.js'
import { addressAt, addressesIn, rangeOf, rangesText } from './service-ranges.js'
import type { ServiceRange } from './service-ranges.js'

export const nodePortPrefix = '/allocations/nodeport/'
export const nodePortMin = 30_000
export const nodePortMax = 32_767

/** Keys that a stored Service holds. */
export function heldKeys(service: KubeObject): readonly string[] {
  const ip = addressOf(service)
  const ports = listAt(service, 'spec.ports').flatMap(port => nodePortOf(port) ?? [])
  const health = fieldAt(service, 'spec.healthCheckNodePort')
  if (typeof health === 'number' && health > 0) ports.push(health)
  return [
    ...new Set([
      ...(ip === null ? [] : [addressKey(ip)]),
      ...ports.map(port => `${nodePortPrefix}${port}`),
    ]),
  ]
}

export interface AllocationPlan {
  readonly object: KubeObject
  readonly claims: readonly string[]
  readonly releases: readonly string[]
  /** Claimed because the client named them: a refusal is the client's error, by field. */
  readonly named: ReadonlyMap<string, { readonly field: string; readonly value: Json }>
  /** Keys of the ServiceCIDRs that claims rest on, with the revisions at which they were read. */
  readonly bases: ReadonlyMap<string, number>
}

export interface AllocationInputs {
  /** Those that new addresses may come from. */
  readonly ranges: readonly ServiceRange[]
  readonly random: Random
  /** Keys that are known to be held; those picked avoid them. */
  readonly taken: ReadonlySet<string>
}

export type AllocationResult =
  | { readonly kind: 'planned'; readonly plan: AllocationPlan }
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] }

/** `old` is null on create. What `old` holds and the new one still wants is kept. */
export function planAllocation(
  service: KubeObject,
  old: KubeObject | null,
  inputs: AllocationInputs,
): AllocationResult {
  const held = new Set(old === null ? [] : heldKeys(old))
  const named = new Map<string, { field: string; value: Json }>()
  const errors: FieldError[] = []
  errors.push(...familyErrors(service))
  const withAddress = allocateAddress(service, old, inputs, named, errors)
  const object = allocatePorts(withAddress, old, inputs, named, errors)
  if (errors.length > 0) return { kind: 'invalid', errors }
  const wanted = heldKeys(object)
  const claims = wanted.filter(key => !held.has(key))
  return {
    kind: 'planned',
    plan: {
      object,
      claims,
      releases: [...held].filter(key => !wanted.includes(key)),
      named,
      bases: basesOf(claims, inputs.ranges),
    },
  }
}

function basesOf(
  claims: readonly string[],
  ranges: readonly ServiceRange[],
): ReadonlyMap<string, number> {
  const found = claims.flatMap(claim => rangeOf(ranges, addressOfKey(claim) ?? '') ?? [])
  return new Map(found.map(({ key, revision }) => [key, revision]))
}

/** The errors for claims that somebody else holds. */
export function claimErrors(plan: AllocationPlan, keys: readonly string[]): readonly FieldError[] {
  return keys.flatMap(key => {
    const named = plan.named.get(key)
    if (named === undefined) return []
    const ip = addressOfKey(key)
    const why = ip === null ? 'provided port is already allocated' : takenAddress(ip)
    return [invalidField(named.field, named.value, why)]
  })
}

function takenAddress(ip: string): string {
  return `failed to allocate IP ${ip}: provided IP is already allocated`
}

function invalidField(field: string, value: Json, why: string): FieldError {
  return {
    reason: 'FieldValueInvalid',
    field,
    message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
  }
}

/** The cluster has addresses of one sort only. */
function familyErrors(service: KubeObject): readonly FieldError[] {
  if (textAt(service, 'spec.type') === 'ExternalName') return []
  const foreign = listAt(service, 'spec.ipFamilies').flatMap((family, index) =>
    family === 'IPv4'
      ? []
      : [invalidField(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster')],
  )
  const policy = textAt(service, 'spec.ipFamilyPolicy')
  if (policy !== 'RequireDualStack') return foreign
  const why = 'this cluster is not configured for dual-stack services'
  return [invalidField('spec.ipFamilyPolicy', policy, why), ...foreign]
}

function addressOf(service: KubeObject): string | null {
  if (textAt(service, 'spec.type') === 'ExternalName') return null
  const ip = textAt(service, 'spec.clusterIP')
  return ip === '' || ip === 'None' ? null : ip
}

function allocateAddress(
  service: KubeObject,
  old: KubeObject | null,
  inputs: AllocationInputs,
  named: Map<string, { field: string; value: Json }>,
  errors: FieldError[],
): KubeObject {
  const type = textAt(service, 'spec.type')
  if (type === 'ExternalName') {
    return withField(withField(service, 'spec.clusterIP', undefined), 'spec.clusterIPs', undefined)
  }
  const first = listAt(service, 'spec.clusterIPs')[0]
  const kept = old === null ? '' : textAt(old, 'spec.clusterIP')
  const given =
    textAt(service, 'spec.clusterIP') || (typeof first === 'string' ? first : '') || kept
  const ip = given === '' ? pickAddress(inputs) : given
  if (ip === null) {
    errors.push(
      invalidField('spec.clusterIPs', [], 'failed to allocate a serviceIP: range is full'),
    )
    return service
  }
  if (ip !== 'None' && given !== '' && given !== kept) {
    named.set(addressKey(ip), { field: 'spec.clusterIPs', value: [ip] })
    const problem = addressProblem(ip, inputs)
    if (problem !== null) errors.push(invalidField('spec.clusterIPs', [ip], problem))
  }
  let result = withField(withField(service, 'spec.clusterIP', ip), 'spec.clusterIPs', [ip])
  if (listAt(result, 'spec.ipFamilies').length === 0) {
    result = withField(result, 'spec.ipFamilies', ['IPv4'])
  }
  if (textAt(result, 'spec.ipFamilyPolicy') === '') {
    result = withField(result, 'spec.ipFamilyPolicy', 'SingleStack')
  }
  return result
}

function addressProblem(ip: string, { ranges, taken }: AllocationInputs): string | null {
  if (rangeOf(ranges, ip) === null) {
    return `failed to allocate IP ${ip}: the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${rangesText(ranges)}`
  }
  // Its key may have been deleted by hand: whoever uses it has it all the same.
  return taken.has(addressKey(ip)) ? takenAddress(ip) : null
}

const picksMax = 32

function pickAddress({ ranges, random, taken }: AllocationInputs): string | null {
  const at = (index: number) => addressAt(ranges, index)
  return pick(addressesIn(ranges), random, index => !taken.has(addressKey(at(index))), at)
}

function pickPort(inputs: AllocationInputs, mine: ReadonlySet<number>): number | null {
  const at = (index: number) => nodePortMin + index
  const free = (index: number) =>
    !inputs.taken.has(`${nodePortPrefix}${at(index)}`) && !mine.has(at(index))
  return pick(nodePortMax - nodePortMin + 1, inputs.random, free, at)
}

function pick<T>(
  size: number,
  random: Random,
  free: (index: number) => boolean,
  at: (index: number) => T,
): T | null {
  if (size === 0) return null
  for (let attempt = 0; attempt < picksMax; attempt++) {
    const index = random.integer(size)
    if (free(index)) return at(index)
  }
  for (let index = 0; index < size; index++) if (free(index)) return at(index)
  return null
}

function nodePortOf(port: Json): number | undefined {
  const value = isJsonObject(port) ? port['nodePort'] : undefined
  return typeof value === 'number' && value > 0 ? value : undefined
}

function allocatePorts(
  service: KubeObject,
  old: KubeObject | null,
  inputs: AllocationInputs,
  named: Map<string, { field: string; value: Json }>,
  errors: FieldError[],
): KubeObject {
  const type = textAt(service, 'spec.type')
  const needs =
    type === 'NodePort' ||
    (type === 'LoadBalancer' && fieldAt(service, 'spec.allocateLoadBalancerNodePorts') !== false)
  const ports = listAt(service, 'spec.ports')
  if (!needs) {
    const bare =
      type === 'LoadBalancer'
        ? ports
        : ports.map(port => ({ ...(port as JsonObject), nodePort: undefined }))
    const cleared = withField(service, 'spec.healthCheckNodePort', undefined)
    return ports.length === 0 ? cleared : withField(cleared, 'spec.ports', bare)
  }
  const kept = old === null ? [] : listAt(old, 'spec.ports')
  const oldNumbers = new Set(kept.flatMap(port => nodePortOf(port) ?? []))
  const mine = new Set(ports.flatMap(port => nodePortOf(port) ?? []))
  const allocated = ports.map((port, index): Json => {
    if (!isJsonObject(port)) return port
    const given = nodePortOf(port)
    const number = given ?? sameOldPort(port, kept, mine) ?? pickPort(inputs, mine)
    if (number === null) {
      errors.push(
        invalidField(
          `spec.ports[${index}].nodePort`,
          0,
          'failed to allocate a nodePort: range is full',
        ),
      )
      return port
    }
    mine.add(number)
    if (given !== undefined && !oldNumbers.has(given)) {
      const field = `spec.ports[${index}].nodePort`
      named.set(`${nodePortPrefix}${given}`, { field, value: given })
      if (given < nodePortMin || given > nodePortMax) {
        const range = `${nodePortMin}-${nodePortMax}`
        errors.push(
          invalidField(
            field,
            given,
            `provided port is not in the valid range. The range of valid ports is ${range}`,
          ),
        )
      }
    }
    return { ...port, nodePort: number }
  })
  return withHealthPort(withField(service, 'spec.ports', allocated), old, inputs, mine)
}

/** A client that leaves nodePort out keeps the number that the same port had. */
function sameOldPort(
  port: JsonObject,
  kept: readonly Json[],
  mine: ReadonlySet<number>,
): number | undefined {
  const match = kept.find(
    old =>
      isJsonObject(old) &&
      old['port'] === port['port'] &&
      (old['protocol'] ?? 'TCP') === (port['protocol'] ?? 'TCP'),
  )
  const number = match === undefined ? undefined : nodePortOf(match)
  return number === undefined || mine.has(number) ? undefined : number
}

function withHealthPort(
  service: KubeObject,
  old: KubeObject | null,
  inputs: AllocationInputs,
  mine: ReadonlySet<number>,
): KubeObject {
  const needs =
    textAt(service, 'spec.type') === 'LoadBalancer' &&
    textAt(service, 'spec.externalTrafficPolicy') === 'Local'
  if (!needs) return withField(service, 'spec.healthCheckNodePort', undefined)
  const given = fieldAt(service, 'spec.healthCheckNodePort')
  if (typeof given === 'number' && given > 0) return service
  const kept = old === null ? undefined : fieldAt(old, 'spec.healthCheckNodePort')
  const number = typeof kept === 'number' && kept > 0 ? kept : pickPort(inputs, mine)
  return number === null ? service : withField(service, 'spec.healthCheckNodePort', number)
}
