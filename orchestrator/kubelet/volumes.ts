// Brings a pod's volumes to the machine and keeps those up to date that mirror API objects.
// Counterpart: the volume manager with the emptyDir, hostPath, configMap, secret, downwardAPI and
// projected plugins, and the atomic writer. What a claim stands for is in claim-volumes.ts. Left out: CSI, and limits of
// emptyDir.

import { dirname, isAbsolute, join } from 'node:path'
import type { Clock } from '../../platform/clock.js'
import type { Files } from '../../platform/files.js'
import type { KubeObject } from '../api/object.js'
import type { Container } from '../api/types/core-container.js'
import type { PersistentVolume } from '../api/types/core-persistent-volume.js'
import type { Pod } from '../api/types/core-pod.js'
import type { HostPathVolumeSource, Volume } from '../api/types/core-volume.js'
import { isNotFound } from '../client/api-error.js'
import { configMaps, type Resource, secrets } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { type ClaimPath, claimNameOf, claimPath } from './claim-volumes.js'
import { PodConfigError, type PodPlace } from './pod-fields.js'
import type { EnvVar, Mount, MountPropagation } from './runtime.js'
import { expandReferences } from './env-expansion.js'
import {
  hasFiles,
  tokenKey,
  type VolumeFiles,
  volumeFiles,
  volumeNeeds,
  type VolumeSources,
} from './volume-files.js'
import { fileForPod, fsGroupOf, handToGroup, openToPod, readableByPod } from './volume-access.js'

/** A token is renewed when this share of its life is over. */
const renewAtShare = 0.8

interface TokenRequest extends KubeObject {
  readonly spec: { readonly audiences?: readonly string[]; readonly expirationSeconds?: number }
  readonly status?: { readonly token?: string; readonly expirationTimestamp?: string }
}

interface HeldToken {
  readonly token: string
  readonly renewAtMs: number
}

export interface VolumesOptions {
  readonly client: ApiClient
  readonly files: Files
  readonly clock: Clock
  readonly nodeName: string
  /** The directory of a volume that is one of this node's, made if need be; null for another. */
  readonly provideLocal: (volume: PersistentVolume) => Promise<string | null>
  /** Containers run as users of their own, who must get at their volumes. */
  readonly isolates: boolean
}

/** The objects of the names that are wanted; null for one that does not exist. */
export async function fetchNamed<T extends KubeObject>(
  client: ApiClient,
  resource: Resource<T>,
  namespace: string,
  names: Iterable<string>,
): Promise<ReadonlyMap<string, T | null>> {
  const found = new Map<string, T | null>()
  for (const name of names) {
    try {
      found.set(name, await client.get(resource, { namespace, name }))
    } catch (error) {
      if (!isNotFound(error)) throw error
      found.set(name, null)
    }
  }
  return found
}

export class Volumes {
  private readonly options: VolumesOptions
  /** By pod uid and token key. */
  private readonly tokens = new Map<string, Map<string, HeldToken>>()
  /** Volumes of claims that were handed to their pod's group, by pod uid. */
  private readonly handed = new Map<string, Set<string>>()

  constructor(options: VolumesOptions) {
    this.options = options
  }

  /** Makes or refreshes all volumes. Throws PodConfigError for what cannot be had. */
  async prepare(pod: Pod, place: PodPlace, podDirectory: string): Promise<void> {
    const volumes = pod.spec.volumes ?? []
    const group = this.options.isolates ? fsGroupOf(pod) : null
    const sources = volumes.some(hasFiles) ? await this.fetchSources(pod, place) : null
    for (const volume of volumes) {
      const directory = volumeDirectory(podDirectory, volume.name)
      const claimName = claimNameOf(pod, volume)
      if (volume.hostPath) await this.checkHostPath(volume.hostPath)
      else if (claimName !== null) await this.linkClaim(pod, volume, claimName, directory, group)
      else if (volume.emptyDir) await this.makeEmptyDirectory(directory, group)
      else if (hasFiles(volume) && sources !== null) {
        await this.writeFiles(directory, volumeFiles(volume, sources), group)
      } else {
        throw new PodConfigError(
          `volume "${volume.name}" is of a kind that this node does not know`,
        )
      }
    }
  }

  forget(podUid: string): void {
    this.tokens.delete(podUid)
    this.handed.delete(podUid)
  }

  /** Where the container finds its volumes; made below the volume when a subPath is not there. */
  async mounts(
    pod: Pod,
    container: Container,
    env: readonly EnvVar[],
    podDirectory: string,
  ): Promise<readonly Mount[]> {
    const values = new Map(env.map(({ name, value }) => [name, value]))
    const mounts: Mount[] = []
    for (const mount of container.volumeMounts ?? []) {
      const volume = pod.spec.volumes?.find(({ name }) => name === mount.name)
      if (volume === undefined) throw new PodConfigError(`volume "${mount.name}" is not in the pod`)
      const root = volume.hostPath?.path ?? volumeDirectory(podDirectory, volume.name)
      const subPath =
        mount.subPath ?? expandReferences(mount.subPathExpr ?? '', name => values.get(name))
      mounts.push({
        hostPath: await this.below(root, subPath),
        containerPath: mount.mountPath,
        readOnly: (mount.readOnly ?? false) || (volume.persistentVolumeClaim?.readOnly ?? false),
        propagation: propagationOf(mount.mountPropagation),
      })
    }
    return mounts
  }

  /** `subPath` below `root`, never outside of it, whatever links lie on the way. */
  private async below(root: string, subPath: string): Promise<string> {
    if (subPath === '') return root
    const { files } = this.options
    if (isAbsolute(subPath) || subPath.split('/').includes('..')) {
      throw new PodConfigError(`subPath "${subPath}" must be relative and without ".."`)
    }
    const path = join(root, subPath)
    const realRoot = await files.realPath(root)
    let existing = path
    while ((await files.stat(existing)) === null) existing = dirname(existing)
    if (!isWithin(await files.realPath(existing), realRoot)) {
      throw new PodConfigError(`subPath "${subPath}" leads out of its volume`)
    }
    if (existing !== path) await files.makeDirectory(path, 0o700)
    const real = await files.realPath(path)
    // Looked at again after making it: a link may have been put in its way meanwhile.
    if (real === null || !isWithin(real, realRoot)) {
      throw new PodConfigError(`subPath "${subPath}" leads out of its volume`)
    }
    return real
  }

  private async fetchSources(pod: Pod, place: PodPlace): Promise<VolumeSources> {
    const { client } = this.options
    const namespace = pod.metadata.namespace ?? ''
    const needs = volumeNeeds(pod.spec.volumes ?? [])
    const tokens = new Map<string, string>()
    for (const projection of needs.tokens) {
      const key = tokenKey(projection)
      const { audience, expirationSeconds = 3600 } = projection
      tokens.set(key, await this.token(pod, key, audience, expirationSeconds))
    }
    return {
      pod,
      place,
      configMaps: await fetchNamed(client, configMaps, namespace, needs.configMaps),
      secrets: await fetchNamed(client, secrets, namespace, needs.secrets),
      tokens,
    }
  }

  private async token(
    pod: Pod,
    key: string,
    audience: string | undefined,
    expirationSeconds: number,
  ): Promise<string> {
    const { client, clock } = this.options
    const podUid = pod.metadata.uid ?? ''
    const held = this.tokens.get(podUid) ?? new Map<string, HeldToken>()
    this.tokens.set(podUid, held)
    const known = held.get(key)
    const nowMs = clock.wallMs()
    if (known !== undefined && known.renewAtMs > nowMs) return known.token
    const account = pod.spec.serviceAccountName || 'default'
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { namespace: pod.metadata.namespace ?? '' },
      spec: {
        ...(audience ? { audiences: [audience] } : {}),
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name, uid: podUid },
      },
    }
    const answer = await client.create<TokenRequest>(tokensOf(account), request)
    const token = answer.status?.token ?? ''
    const expiresAtMs = Date.parse(answer.status?.expirationTimestamp ?? '')
    const lifeMs = Number.isNaN(expiresAtMs) ? expirationSeconds * 1000 : expiresAtMs - nowMs
    held.set(key, { token, renewAtMs: nowMs + lifeMs * renewAtShare })
    return token
  }

  /** A link of the pod leads to the data, which lie elsewhere and outlive the pod. */
  private async linkClaim(
    pod: Pod,
    volume: Volume,
    claimName: string,
    directory: string,
    group: number | null,
  ): Promise<void> {
    const { client, files, nodeName, provideLocal } = this.options
    const claimed = await claimPath(pod, volume, claimName, {
      client,
      nodeName,
      provideLocal,
      checkPath: source => this.checkHostPath(source),
    })
    await files.makeDirectory(dirname(directory), 0o700)
    await files.link(claimed.path, directory)
    await this.handOver(pod, claimed, group)
  }

  /** Directories of the machine stay as they are: they are not the pod's. */
  private async handOver(pod: Pod, claimed: ClaimPath, group: number | null): Promise<void> {
    if (group === null || claimed.isHostPath) return
    const { uid = '' } = pod.metadata
    const handed = this.handed.get(uid) ?? new Set()
    if (handed.has(claimed.path)) return
    await handToGroup(this.options.files, claimed.path, group)
    this.handed.set(uid, handed.add(claimed.path))
  }

  /** One that is there is in use already, perhaps with other rights by now. */
  private async makeEmptyDirectory(directory: string, group: number | null): Promise<void> {
    const { files } = this.options
    if ((await files.stat(directory)) !== null) return
    await files.makeDirectory(directory, 0o700)
    await openToPod(files, directory, group)
  }

  private async checkHostPath({ path, type = '' }: HostPathVolumeSource): Promise<void> {
    const { files } = this.options
    const real = await files.realPath(path)
    const found = real === null ? null : await files.stat(real)
    if (type === 'DirectoryOrCreate' && found === null) {
      await files.makeDirectory(path, 0o755)
      return
    }
    if (type === 'FileOrCreate' && found === null) {
      await files.write(path, new Uint8Array(), 0o644)
      return
    }
    const wanted = { Directory: 'directory', DirectoryOrCreate: 'directory', File: 'file' }
    const kind = Object.hasOwn(wanted, type) ? wanted[type as keyof typeof wanted] : null
    if (kind !== null && found?.kind !== kind) {
      throw new PodConfigError(`hostPath type check failed: ${path} is not a ${kind}`)
    }
  }

  /**
   * All files change at one instant: they stand in a directory of their own that `..data` leads
   * to, and each visible name leads through `..data`.
   */
  private async writeFiles(
    directory: string,
    contents: VolumeFiles,
    group: number | null,
  ): Promise<void> {
    const { files, clock } = this.options
    await this.makeReadable(directory, group)
    if (await this.isCurrent(directory, contents)) return
    const stamp = `..${Math.floor(clock.wallMs())}`
    for (const [path, { content, mode }] of contents) {
      const above = path.split('/').slice(0, -1)
      for (let depth = 0; depth <= above.length; depth += 1) {
        await this.makeReadable(join(directory, stamp, ...above.slice(0, depth)), group)
      }
      const file = join(directory, stamp, path)
      await files.write(file, content, mode)
      await fileForPod(files, file, mode, group)
    }
    await this.makeReadable(join(directory, stamp), group)
    await files.link(stamp, join(directory, '..data'))
    const visible = new Set([...contents.keys()].map(path => path.split('/')[0] ?? path))
    for (const name of visible) await files.link(join('..data', name), join(directory, name))
    for (const name of await files.list(directory)) {
      const isOld = name.startsWith('..') ? name !== stamp && name !== '..data' : !visible.has(name)
      if (isOld) await files.removeTree(join(directory, name))
    }
  }

  private async makeReadable(directory: string, group: number | null): Promise<void> {
    const { files } = this.options
    if ((await files.stat(directory)) !== null) return
    await files.makeDirectory(directory, 0o700)
    await readableByPod(files, directory, group)
  }

  private async isCurrent(directory: string, contents: VolumeFiles): Promise<boolean> {
    const { files } = this.options
    const data = join(directory, '..data')
    if ((await files.stat(data)) === null) return false
    const visible = new Set([...contents.keys()].map(path => path.split('/')[0] ?? path))
    const names = (await files.list(directory)).filter(name => !name.startsWith('..'))
    if (names.length !== visible.size || names.some(name => !visible.has(name))) return false
    for (const [path, { content }] of contents) {
      const held = await files.read(join(data, path), content.length + 1).catch(() => null)
      if (held === null || Buffer.compare(held, content) !== 0) return false
    }
    return true
  }
}

const propagationOf = (text = ''): MountPropagation =>
  text === 'HostToContainer' || text === 'Bidirectional' ? text : 'None'

/** Whether its volumes mirror API objects, which change. */
export const needsRefresh = (pod: Pod): boolean => (pod.spec.volumes ?? []).some(hasFiles)

const volumeDirectory = (podDirectory: string, name: Volume['name']): string =>
  join(podDirectory, 'volumes', name)

const isWithin = (path: string | null, root: string | null): boolean =>
  path !== null && root !== null && (path === root || path.startsWith(`${root}/`))

/** The token endpoint is a subresource of the account; a create there answers a token. */
const tokensOf = (account: string): Resource<TokenRequest> => ({
  group: '',
  version: 'v1',
  kind: 'TokenRequest',
  plural: `serviceaccounts/${encodeURIComponent(account)}/token`,
  namespaced: true,
})
