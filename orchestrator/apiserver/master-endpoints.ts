// The addresses behind the `kubernetes` Service: every master keeps a key under a short lease in
// the store, and each writes Endpoints and EndpointSlices for all that are alive. A dead master
// leaves them within a lease's time. Counterpart: the lease endpoint reconciler of
// pkg/controlplane/reconcilers.

import type { Clock } from '../../platform/clock.js'
import { must } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Store } from '../../store/client/types.js'
import type { Kind } from '../api/kind.js'
import { findKind } from '../api/kinds.js'
import type { Json, KubeObject } from '../api/object.js'
import { isStatusReason } from '../api/status.js'
import { sameJson } from '../api/equality.js'
import { keyBytes, keyText, prefixEnd } from './keys.js'
import { asJson, asObject, withField } from './object-fields.js'
import type { ObjectReader } from './object-reader.js'
import type { ObjectWriter } from './object-writer.js'
import type { RegistryCache } from './registry-cache.js'
import type { ResourceEndpoints } from './resource-endpoints.js'
import { parseIpv4 } from './service-ranges.js'
import { serverUser } from './system-bootstrap.js'

export const masterLeasePrefix = '/masterleases/'
const ttlSeconds = 15
const periodMs = 5_000
const freshMs = 5_000

export interface MasterEndpointsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  readonly reader: ObjectReader
  readonly writer: ObjectWriter
  readonly endpoints: ResourceEndpoints
  readonly cache: RegistryCache
  /** host:port of this master. */
  readonly advertise: string
}

export interface MasterAddress {
  readonly ip: string
  readonly port: number
}

/** Null for what is no IPv4 address with a port. */
export function parseMasterAddress(text: string): MasterAddress | null {
  const colon = text.lastIndexOf(':')
  const ip = text.slice(0, colon)
  const port = Number(text.slice(colon + 1))
  const good = colon > 0 && parseIpv4(ip) !== null && Number.isInteger(port) && port > 0
  return good && port < 65_536 ? { ip, port } : null
}

/** Addresses by port, both ascending: what one subset or slice can say. */
export function byPort(
  masters: readonly MasterAddress[],
): readonly { readonly port: number; readonly ips: readonly string[] }[] {
  const ports = [...new Set(masters.map(master => master.port))].sort((a, b) => a - b)
  return ports.map(port => ({
    port,
    ips: [...new Set(masters.filter(m => m.port === port).map(m => m.ip))].sort(),
  }))
}

export interface MasterEndpoints {
  /** Looks again now, not only when the time has come. */
  refresh(): void
  stop(): Promise<void>
}

/** Goes on until stopped, whatever fails. */
export function keepMasterEndpoints(options: MasterEndpointsOptions): MasterEndpoints {
  const { store, clock, logger } = options
  const own = parseMasterAddress(options.advertise)
  if (own === null) {
    logger.warn({ advertise: options.advertise }, 'not an IPv4 address: no endpoint of this master')
  }
  const key = keyBytes(`${masterLeasePrefix}${options.advertise}`)
  let lease = 0
  let running = false
  let stopped = false
  const renew = async () => {
    if (own === null || stopped) return
    if (lease !== 0 && (await store.leaseKeepAlive(lease)).ttlSeconds > 0) return
    lease = (await store.leaseGrant({ ttlSeconds })).id
    await store.put({ key, value: keyBytes(options.advertise), lease })
  }
  const round = async () => {
    await renew()
    const prefix = keyBytes(masterLeasePrefix)
    const alive = await store.range({ key: prefix, end: prefixEnd(masterLeasePrefix) })
    const masters = alive.kvs.flatMap(
      kv => parseMasterAddress(keyText(kv.key).slice(masterLeasePrefix.length)) ?? [],
    )
    await reconcile(options, masters)
  }
  const tick = () => {
    if (running || stopped) return
    running = true
    round()
      .catch((error: unknown) => {
        logger.debug({ error: String(error) }, 'endpoints of the masters not written')
      })
      .finally(() => {
        running = false
      })
  }
  const ticker = clock.setTicker(periodMs, tick)
  return {
    refresh: tick,
    async stop() {
      stopped = true
      ticker.cancel()
      if (lease === 0) return
      try {
        await store.leaseRevoke(lease)
      } catch (error) {
        logger.debug({ error: String(error) }, 'own endpoint left to expire')
      }
    },
  }
}

async function reconcile(
  options: MasterEndpointsOptions,
  masters: readonly MasterAddress[],
): Promise<void> {
  await options.cache.waitUntilFresh(freshMs)
  // Before the Service there is nothing to be behind of.
  if (options.reader.cachedAt('', 'services', 'default', 'kubernetes') === undefined) return
  const groups = byPort(masters)
  const endpointsKind = must(findKind('', 'v1', 'endpoints'), 'endpoints are served')
  await write(options, endpointsKind, endpointsOf(groups), 'subsets')
  const sliceKind = must(findKind('discovery.k8s.io', 'v1', 'endpointslices'), 'slices are served')
  const slices = groups.map((group, index) => sliceOf(group.port, group.ips, index))
  for (const slice of slices) {
    await write(options, sliceKind, slice, 'endpoints')
  }
  await removeOthers(options, sliceKind, slices)
}

type PortGroup = ReturnType<typeof byPort>[number]

export function endpointsOf(groups: readonly PortGroup[]): KubeObject {
  return asObject({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets: groups.map(({ port, ips }) => ({
      addresses: ips.map(ip => ({ ip })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    })),
  })
}

/** A slice says one port for all of its endpoints, so masters on several ports need several. */
export function sliceOf(port: number, ips: readonly string[], index: number): KubeObject {
  return asObject({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: index === 0 ? 'kubernetes' : `kubernetes-${index}`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'kubernetes' },
    },
    addressType: 'IPv4',
    endpoints: ips.map(ip => ({ addresses: [ip], conditions: { ready: true } })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  })
}

async function write(
  options: MasterEndpointsOptions,
  kind: Kind,
  wanted: KubeObject,
  field: string,
): Promise<void> {
  const { name = '', namespace = '' } = wanted.metadata
  const parts = [field, 'ports'].filter(part => asJson(wanted)[part] !== undefined)
  const current = options.reader.cached(kind, namespace, name)
  if (current === undefined) {
    try {
      await options.endpoints.createOwn(kind, wanted, serverUser)
    } catch (error) {
      if (!isStatusReason(error, 'AlreadyExists')) throw error
    }
    return
  }
  const value = (part: string): Json | undefined => asJson(wanted)[part]
  if (parts.every(part => sameJson(asJson(current.object)[part], value(part)))) return
  await options.writer.change(
    kind,
    namespace,
    name,
    object => ({
      kind: 'put',
      object: parts.reduce((next, part) => withField(next, part, value(part)), object),
    }),
    false,
  )
}

async function removeOthers(
  options: MasterEndpointsOptions,
  kind: Kind,
  wanted: readonly KubeObject[],
): Promise<void> {
  const keep = new Set(wanted.map(slice => slice.metadata.name))
  const present = options.reader.cachedList(kind.group, kind.plural, 'default')
  for (const { object } of present) {
    const { name = '', labels } = object.metadata
    const ours = labels?.['kubernetes.io/service-name'] === 'kubernetes'
    if (!ours || keep.has(name)) continue
    try {
      await options.writer.change(kind, 'default', name, () => ({ kind: 'remove' }), false)
    } catch (error) {
      if (!isStatusReason(error, 'NotFound')) throw error
    }
  }
}
