// Whether a pod's volumes can be where the pod is. Counterpart: plugins volumebinding, volumezone,
// volumerestrictions and nodevolumelimits. Left out: volumes of clouds that CSI drivers have replaced, but
// for their conflicts of use.

import type { PersistentVolume } from '../../../api/types/core-persistent-volume.js'
import type { Volume } from '../../../api/types/core-volume.js'
import type { Plugin, PluginName, Rejection } from '../plugin.js'
import type { NodeInfo } from '../state/node-info.js'
import type { PodInfo } from '../state/pod-info.js'
import type { VolumeObjects } from '../state/snapshot.js'
import { claimsOf, planVolumes } from './claims.js'

const rejection = (plugin: PluginName, reason: string, helpedByPreemption = false): Rejection => ({
  plugin,
  reasons: [reason],
  helpedByPreemption,
})

export const volumeBinding: Plugin = {
  name: 'VolumeBinding',
  filter: ({ pod, snapshot }) => {
    if (pod.claims.length === 0) return null
    const { volumes } = snapshot.surroundings
    const claims = claimsOf(pod, volumes)
    if (typeof claims === 'string') return rejection('VolumeBinding', claims)
    const known = new Map<string, Rejection>()
    return {
      nodeOnly: true,
      check: ({ node }) => {
        const plan = planVolumes(claims, node, volumes)
        if (typeof plan !== 'string') return null
        const same = known.get(plan) ?? rejection('VolumeBinding', plan)
        known.set(plan, same)
        return same
      },
    }
  },
  hints: {
    'node-added': () => true,
    'node-labels': () => true,
    volumes: (_event, { claims }) => claims.length > 0,
  },
}

const zoneKeys = [
  ['topology.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['topology.kubernetes.io/region', 'topology.kubernetes.io/region'],
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
] as const

/** A volume of several zones names them all in one label. */
const zoneSeparator = '__'
const otherZone = rejection('VolumeZone', 'node(s) had no available volume zone')

export const volumeZone: Plugin = {
  name: 'VolumeZone',
  filter: ({ pod, snapshot }) => {
    const limits = boundVolumes(pod, snapshot.surroundings.volumes).flatMap(({ metadata }) =>
      zoneKeys.flatMap(([key, newKey]) => {
        const value = metadata.labels?.[key]
        return value === undefined
          ? []
          : [{ key, newKey, values: new Set(value.split(zoneSeparator)) }]
      }),
    )
    if (limits.length === 0) return null
    return {
      nodeOnly: true,
      check: ({ labels }) => {
        // A node that says nothing of zones is in none, and reaches everything.
        if (!zoneKeys.some(([key]) => labels.has(key))) return null
        for (const { key, newKey, values } of limits) {
          const value = labels.get(key) ?? labels.get(newKey)
          if (value === undefined || !values.has(value)) return otherZone
        }
        return null
      },
    }
  },
  hints: { 'node-added': () => true, 'node-labels': () => true, volumes: () => true },
}

const singleUse = rejection(
  'VolumeRestrictions',
  'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
  true,
)
const diskInUse = rejection('VolumeRestrictions', 'node(s) had no available disk', true)

export const volumeRestrictions: Plugin = {
  name: 'VolumeRestrictions',
  filter: ({ pod, snapshot }) => {
    const { volumes } = snapshot.surroundings
    const exclusive = new Set(
      pod.claims
        .map(name => `${pod.namespace}/${name}`)
        .filter(key => volumes.claim(key)?.spec?.accessModes?.includes('ReadWriteOncePod')),
    )
    const disks = (pod.pod.spec.volumes ?? []).flatMap(volume => disksOf(volume))
    if (exclusive.size === 0 && disks.length === 0) return null
    const usesExclusive = (other: PodInfo) =>
      other.claims.some(name => exclusive.has(`${other.namespace}/${name}`))
    let users = 0
    for (const key of exclusive) users += [...snapshot.usersOfClaim(key)].length
    return {
      check: node => {
        if (users > 0) return singleUse
        if (disks.length === 0 || node.podsWithVolumes === 0) return null
        return node.pods.some(other => sharesDisk(disks, other)) ? diskInUse : null
      },
      podMoved: (other, _node, by) => {
        if (usesExclusive(other)) users += by
      },
    }
  },
  hints: {
    'node-added': () => true,
    'pod-freed': (event, { namespace, claims }) =>
      event.kind === 'pod-freed' &&
      (event.pod.hasVolumes ||
        (event.pod.namespace === namespace &&
          event.pod.claims.some(name => claims.includes(name)))),
    volumes: () => true,
  },
}

interface Disk {
  readonly id: string
  /** Several may read it at once. */
  readonly readOnly: boolean
}

function disksOf(volume: Volume): readonly Disk[] {
  const { gcePersistentDisk, awsElasticBlockStore, iscsi, rbd } = volume
  if (gcePersistentDisk) {
    const { pdName, readOnly = false } = gcePersistentDisk
    return [{ id: `gce ${pdName}`, readOnly }]
  }
  if (awsElasticBlockStore) return [{ id: `aws ${awsElasticBlockStore.volumeID}`, readOnly: false }]
  if (iscsi) return [{ id: `iscsi ${iscsi.iqn} ${iscsi.lun}`, readOnly: iscsi.readOnly ?? false }]
  if (!rbd) return []
  const { monitors, pool = 'rbd', image, readOnly = false } = rbd
  return monitors.map(monitor => ({ id: `rbd ${monitor} ${pool} ${image}`, readOnly }))
}

function sharesDisk(disks: readonly Disk[], { pod, hasVolumes }: PodInfo): boolean {
  if (!hasVolumes) return false
  const theirs = (pod.spec.volumes ?? []).flatMap(volume => disksOf(volume))
  return theirs.some(disk =>
    disks.some(own => own.id === disk.id && !(own.readOnly && disk.readOnly)),
  )
}

const tooMany = rejection('NodeVolumeLimits', 'node(s) exceed max volume count', true)

export const nodeVolumeLimits: Plugin = {
  name: 'NodeVolumeLimits',
  filter: ({ pod, snapshot }) => {
    if (pod.claims.length === 0) return null
    const { volumes } = snapshot.surroundings
    const wanted = attachmentsOf(pod, volumes)
    if (wanted.size === 0) return null
    return { check: node => (exceedsLimits(wanted, node, volumes) ? tooMany : null) }
  },
  hints: {
    'node-added': () => true,
    'pod-freed': (event, { claims }) =>
      event.kind === 'pod-freed' && event.pod.claims.length > 0 && claims.length > 0,
    volumes: () => true,
  },
}

function exceedsLimits(
  wanted: ReadonlyMap<string, string>,
  node: NodeInfo,
  volumes: VolumeObjects,
): boolean {
  const limits = new Map<string, number>()
  for (const { name, allocatable } of volumes.csiNode(node.name)?.spec.drivers ?? []) {
    if (allocatable?.count !== undefined) limits.set(name, allocatable.count)
  }
  if (limits.size === 0) return false
  const attached = new Map<string, string>()
  for (const other of node.podsWithVolumes === 0 ? [] : node.pods) {
    for (const [handle, driver] of attachmentsOf(other, volumes)) attached.set(handle, driver)
  }
  const used = new Map<string, number>()
  for (const driver of attached.values()) used.set(driver, (used.get(driver) ?? 0) + 1)
  const more = new Map<string, number>()
  for (const [handle, driver] of wanted) {
    if (!attached.has(handle)) more.set(driver, (more.get(driver) ?? 0) + 1)
  }
  return [...more].some(([driver, count]) => {
    const limit = limits.get(driver)
    return limit !== undefined && (used.get(driver) ?? 0) + count > limit
  })
}

/** Driver by handle, of what a node has to attach for the pod: claims that have no volume yet will get one. */
function attachmentsOf(pod: PodInfo, volumes: VolumeObjects): ReadonlyMap<string, string> {
  const attachments = new Map<string, string>()
  for (const name of pod.claims) {
    const key = `${pod.namespace}/${name}`
    const spec = volumes.claim(key)?.spec
    const csi = volumes.volume(spec?.volumeName ?? '')?.spec?.csi
    const driver = csi?.driver ?? volumes.storageClass(spec?.storageClassName ?? '')?.provisioner
    if (driver !== undefined) attachments.set(csi ? `${driver} ${csi.volumeHandle}` : key, driver)
  }
  return attachments
}

function boundVolumes(pod: PodInfo, volumes: VolumeObjects): readonly PersistentVolume[] {
  return pod.claims.flatMap(name => {
    const claim = volumes.claim(`${pod.namespace}/${name}`)
    return volumes.volume(claim?.spec?.volumeName ?? '') ?? []
  })
}
