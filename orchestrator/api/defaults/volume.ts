// What a volume means when it does not say. Counterpart: the volume sources in
// pkg/apis/core/v1/defaults.go and pkg/apis/core/v1/zz_generated.defaults.go.

import type {
  AzureDiskVolumeSource,
  DownwardAPIVolumeFile,
  HostPathVolumeSource,
  PersistentVolumeClaimSpec,
  Volume,
  VolumeProjection,
} from '../types/core-volume.js'

const fileMode = 0o644
const tokenExpirationSeconds = 3600

export function volumeDefaults(volume: Volume): Volume {
  return withClaimTemplate(sharedSourceDefaults(withFileModes(withSource(volume))))
}

/** A volume from nowhere is an empty directory. */
function withSource(volume: Volume): Volume {
  return Object.keys(volume).some(key => key !== 'name') ? volume : { ...volume, emptyDir: {} }
}

function withFileModes(volume: Volume): Volume {
  const { secret, configMap, downwardAPI, projected } = volume
  return {
    ...volume,
    ...(secret === undefined
      ? {}
      : { secret: { ...secret, defaultMode: secret.defaultMode ?? fileMode } }),
    ...(configMap === undefined
      ? {}
      : { configMap: { ...configMap, defaultMode: configMap.defaultMode ?? fileMode } }),
    ...(downwardAPI === undefined
      ? {}
      : {
          downwardAPI: {
            ...withFieldVersions(downwardAPI),
            defaultMode: downwardAPI.defaultMode ?? fileMode,
          },
        }),
    ...(projected === undefined
      ? {}
      : {
          projected: {
            ...projected,
            ...(projected.sources === undefined
              ? {}
              : { sources: projected.sources.map(projectionDefaults) }),
            defaultMode: projected.defaultMode ?? fileMode,
          },
        }),
  }
}

function withFieldVersions<T extends { readonly items?: readonly DownwardAPIVolumeFile[] }>(
  source: T,
): T {
  if (source.items === undefined) return source
  const items = source.items.map(item => {
    if (item.fieldRef === undefined) return item
    return { ...item, fieldRef: { ...item.fieldRef, apiVersion: item.fieldRef.apiVersion || 'v1' } }
  })
  return { ...source, items }
}

function projectionDefaults(projection: VolumeProjection): VolumeProjection {
  const { downwardAPI, serviceAccountToken: token } = projection
  return {
    ...projection,
    ...(downwardAPI === undefined ? {} : { downwardAPI: withFieldVersions(downwardAPI) }),
    ...(token === undefined
      ? {}
      : {
          serviceAccountToken: {
            ...token,
            expirationSeconds: token.expirationSeconds ?? tokenExpirationSeconds,
          },
        }),
  }
}

/** Sources that a volume of a pod and a PersistentVolume have alike. */
interface SharedSources {
  readonly hostPath?: HostPathVolumeSource
  readonly azureDisk?: AzureDiskVolumeSource
  readonly scaleIO?: { readonly storageMode?: string; readonly fsType?: string }
  readonly iscsi?: { readonly iscsiInterface?: string }
  readonly rbd?: { readonly pool?: string; readonly user?: string; readonly keyring?: string }
}

export function sharedSourceDefaults<T extends SharedSources>(source: T): T {
  const { hostPath, azureDisk, scaleIO, iscsi, rbd } = source
  return {
    ...source,
    ...(hostPath === undefined ? {} : { hostPath: { ...hostPath, type: hostPath.type ?? '' } }),
    ...(azureDisk === undefined
      ? {}
      : {
          azureDisk: {
            ...azureDisk,
            cachingMode: azureDisk.cachingMode ?? 'ReadWrite',
            kind: azureDisk.kind ?? 'Shared',
            fsType: azureDisk.fsType ?? 'ext4',
            readOnly: azureDisk.readOnly ?? false,
          },
        }),
    ...(scaleIO === undefined
      ? {}
      : {
          scaleIO: {
            ...scaleIO,
            storageMode: scaleIO.storageMode || 'ThinProvisioned',
            fsType: scaleIO.fsType || 'xfs',
          },
        }),
    ...(iscsi === undefined
      ? {}
      : { iscsi: { ...iscsi, iscsiInterface: iscsi.iscsiInterface || 'default' } }),
    ...(rbd === undefined
      ? {}
      : {
          rbd: {
            ...rbd,
            pool: rbd.pool || 'rbd',
            user: rbd.user || 'admin',
            keyring: rbd.keyring || '/etc/ceph/keyring',
          },
        }),
  }
}

export function claimSpecDefaults(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  return { ...spec, volumeMode: spec.volumeMode ?? 'Filesystem' }
}

function withClaimTemplate(volume: Volume): Volume {
  const claim = volume.ephemeral?.volumeClaimTemplate
  if (claim === undefined) return volume
  return {
    ...volume,
    ephemeral: {
      ...volume.ephemeral,
      volumeClaimTemplate: { ...claim, spec: claimSpecDefaults(claim.spec) },
    },
  }
}
