// The StorageClass that a cluster begins with: directories of its own nodes. Without one, a claim that names no class would
// wait for ever. Made at the start of a master where it is missing, and not watched over after that: a cluster can do
// without. There is no counterpart upstream; distributions bring such a class.

import { must } from '../../platform/errors.js'
import { isDefaultStorageClass } from '../api/kinds/default-class.js'
import { findKind } from '../api/kinds.js'
import { localProvisioner } from '../api/local-volume.js'
import type { KubeObject } from '../api/object.js'
import { isStatusReason } from '../api/status.js'
import { asObject } from './object-fields.js'
import type { ObjectReader } from './object-reader.js'
import type { RegistryCache } from './registry-cache.js'
import type { ResourceEndpoints } from './resource-endpoints.js'
import { serverUser } from './system-bootstrap.js'

const [group, version, plural] = ['storage.k8s.io', 'v1', 'storageclasses'] as const
const name = 'local'
const freshMs = 5_000

/** `isDefault`: no other class stands for those who name none. */
function localClass(isDefault: boolean): KubeObject {
  return asObject({
    apiVersion: `${group}/${version}`,
    kind: 'StorageClass',
    metadata: {
      name,
      annotations: { 'storageclass.kubernetes.io/is-default-class': String(isDefault) },
    },
    provisioner: localProvisioner,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  })
}

export interface DefaultStorageClass {
  readonly endpoints: ResourceEndpoints
  readonly reader: ObjectReader
  readonly cache: RegistryCache
}

/** Rejects with ApiError when the store does not take part; call again. */
export async function ensureDefaultStorageClass(options: DefaultStorageClass): Promise<void> {
  const { endpoints, reader, cache } = options
  await cache.waitUntilFresh(freshMs)
  if (reader.cachedAt(group, plural, '', name) !== undefined) return
  const others = reader.cachedList(group, plural, '').map(({ object }) => object)
  const kind = must(findKind(group, version, plural), `${plural} are not served`)
  try {
    await endpoints.createOwn(kind, localClass(!others.some(isDefaultStorageClass)), serverUser)
  } catch (error) {
    // Another master was faster.
    if (!isStatusReason(error, 'AlreadyExists')) throw error
  }
}
