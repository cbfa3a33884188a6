// What a volume means when it does not say. Counterpart: the volume sources in
// pkg/apis/core/v1/defaults.go and pkg/apis/core/v1/zz_generated.defaults.go.

import type { DownwardAPIVolumeFile, Volume, VolumeProjection } from '../types/core-volume.js'

const fileMode = 0o644
const tokenExpirationSeconds = 3600

export function volumeDefaults(volume: Volume): Volume {
  return [withSource, withFileModes, withBlockDevices, withNetworkStorage].reduce(
    (result, step) => step(result),
    volume,
  )
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

function withBlockDevices(volume: Volume): Volume {
  const { hostPath, azureDisk, scaleIO, ephemeral } = volume
  const claim = ephemeral?.volumeClaimTemplate
  return {
    ...volume,
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
    ...(claim === undefined
      ? {}
      : {
          ephemeral: {
            ...ephemeral,
            volumeClaimTemplate: {
              ...claim,
              spec: { ...claim.spec, volumeMode: claim.spec.volumeMode ?? 'Filesystem' },
            },
          },
        }),
  }
}

function withNetworkStorage(volume: Volume): Volume {
  const { iscsi, rbd } = volume
  return {
    ...volume,
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
