// What the local cloud is made of, as a file says it. Pure. The file is read anew each time, so that machines come
// and go by an edit.

import { parseDocument } from 'yaml'
import { RaftsmanError } from '../../../../platform/errors.js'
import { canonicalRange } from '../../../api/address-range.js'
import { isJsonObject } from '../../../api/record.js'
import type { Json, JsonObject } from '../../../api/object.js'
import { isIpv4, isIpv6 } from '../../../api/validation/names.js'

export interface LocalInstance {
  /** Also the name of its node. */
  readonly name: string
  /** At least one. */
  readonly addresses: readonly string[]
  readonly zone: string
  readonly type: string
  readonly shutdown: boolean
  /** Of iproute2, where the machine is one; null for this machine itself. */
  readonly networkNamespace: string | null
}

export interface LocalCloudConfig {
  readonly region: string
  /** Null: it knows of no machines, and nodes are what they say themselves. */
  readonly instances: readonly LocalInstance[] | null
  /** Addresses of load balancers; null for no balancers. */
  readonly loadBalancerCidr: string | null
  /** Whether routes between the instances are installed. */
  readonly routes: boolean
}

const instancesMax = 10_000

/** `message` names the field. */
export class LocalConfigError extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'cloud-config', retryable: false, outcome: 'not-applied' })
  }
}

/** YAML or JSON. Throws LocalConfigError. */
export function parseLocalConfig(text: string): LocalCloudConfig {
  const document = parseDocument(text)
  const [broken] = document.errors
  if (broken !== undefined) throw new LocalConfigError(`not YAML: ${broken.message}`)
  const root = objectAt((document.toJS() ?? {}) as Json, 'the configuration')
  known(root, '', ['region', 'instances', 'loadBalancerCidr', 'routes'])
  const instances = root['instances'] === undefined ? null : instancesAt(root['instances'])
  const routes = flagAt(root['routes'] ?? false, 'routes')
  if (routes && instances === null) throw new LocalConfigError('routes: are between instances')
  const cidr = root['loadBalancerCidr'] ?? null
  return {
    region: textAt(root['region'] ?? '', 'region'),
    instances,
    loadBalancerCidr: cidr === null ? null : rangeAt(cidr, 'loadBalancerCidr'),
    routes,
  }
}

function instancesAt(value: Json): readonly LocalInstance[] {
  const instances = listAt(value, 'instances').map(instanceAt)
  if (instances.length > instancesMax) {
    throw new LocalConfigError(`instances: at most ${instancesMax}`)
  }
  const names = new Set(instances.map(({ name }) => name))
  if (names.size < instances.length) throw new LocalConfigError('instances: two have one name')
  return instances
}

function instanceAt(value: Json, at: number): LocalInstance {
  const where = `instances[${at}]`
  const object = objectAt(value, where)
  known(object, `${where}.`, ['name', 'addresses', 'zone', 'type', 'shutdown', 'networkNamespace'])
  const name = textAt(object['name'] ?? '', `${where}.name`)
  if (name === '') throw new LocalConfigError(`${where}.name: is needed`)
  const addresses = listAt(object['addresses'] ?? [], `${where}.addresses`).map((one, index) => {
    const address = textAt(one, `${where}.addresses[${index}]`)
    if (isIpv4(address) || isIpv6(address)) return address
    throw new LocalConfigError(`${where}.addresses[${index}]: "${address}" is no IP address`)
  })
  if (addresses.length === 0) throw new LocalConfigError(`${where}.addresses: one is needed`)
  const networkNamespace = object['networkNamespace'] ?? null
  return {
    name,
    addresses,
    zone: textAt(object['zone'] ?? '', `${where}.zone`),
    type: textAt(object['type'] ?? '', `${where}.type`),
    shutdown: flagAt(object['shutdown'] ?? false, `${where}.shutdown`),
    networkNamespace:
      networkNamespace === null ? null : textAt(networkNamespace, `${where}.networkNamespace`),
  }
}

function rangeAt(value: Json, where: string): string {
  const text = textAt(value, where)
  const [address = '', bits = ''] = text.split('/')
  if (isIpv4(address) && /^\d+$/.test(bits) && Number(bits) >= 8 && Number(bits) <= 32) {
    return canonicalRange(text)
  }
  throw new LocalConfigError(`${where}: "${text}" is no range of IPv4 addresses, as in 10.1.0.0/16`)
}

function known(object: JsonObject, prefix: string, names: readonly string[]): void {
  const stranger = Object.keys(object).find(name => !names.includes(name))
  if (stranger !== undefined) throw new LocalConfigError(`${prefix}${stranger}: is not known`)
}

function objectAt(value: Json, where: string): JsonObject {
  if (isJsonObject(value)) return value
  throw new LocalConfigError(`${where}: has to be an object`)
}

function listAt(value: Json, where: string): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[]
  throw new LocalConfigError(`${where}: has to be a list`)
}

function textAt(value: Json, where: string): string {
  if (typeof value === 'string') return value
  throw new LocalConfigError(`${where}: has to be a text`)
}

function flagAt(value: Json, where: string): boolean {
  if (typeof value === 'boolean') return value
  throw new LocalConfigError(`${where}: has to be true or false`)
}
