// What the files of a volume hold: configMap, secret, downwardAPI and projected sources turned into
// names and contents. Counterpart: the collectData functions of pkg/volume. Pure.

import type { ConfigMap, Secret } from '../api/types/core-config.js'
import type { Pod } from '../api/types/core-pod.js'
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ServiceAccountTokenProjection,
  Volume,
} from '../api/types/core-volume.js'
import { PodConfigError, podField, type PodPlace, resourceField } from './pod-fields.js'

export interface VolumeFile {
  readonly content: Uint8Array
  readonly mode: number
}

/** By path relative to the volume. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>

export interface VolumeSources {
  readonly pod: Pod
  readonly place: PodPlace
  readonly configMaps: ReadonlyMap<string, ConfigMap | null>
  readonly secrets: ReadonlyMap<string, Secret | null>
  /** Tokens by `tokenKey` of their projection. */
  readonly tokens: ReadonlyMap<string, string>
}

const defaultFileMode = 0o644

export const tokenKey = ({ audience = '', expirationSeconds }: ServiceAccountTokenProjection) =>
  `${expirationSeconds ?? 3600} ${audience}`

/** Whether its content comes from the API, and so has to be looked after. */
export const hasFiles = ({ configMap, secret, downwardAPI, projected }: Volume): boolean =>
  (configMap ?? secret ?? downwardAPI ?? projected) !== undefined

interface Needs {
  readonly configMaps: ReadonlySet<string>
  readonly secrets: ReadonlySet<string>
  readonly tokens: readonly ServiceAccountTokenProjection[]
}

/** What has to be fetched for the volumes of a pod. */
export function volumeNeeds(volumes: readonly Volume[]): Needs {
  const configMaps = new Set<string>()
  const secrets = new Set<string>()
  const tokens: ServiceAccountTokenProjection[] = []
  for (const { configMap, secret, projected } of volumes) {
    if (configMap?.name) configMaps.add(configMap.name)
    if (secret?.secretName) secrets.add(secret.secretName)
    for (const source of projected?.sources ?? []) {
      if (source.configMap?.name) configMaps.add(source.configMap.name)
      if (source.secret?.name) secrets.add(source.secret.name)
      if (source.serviceAccountToken) tokens.push(source.serviceAccountToken)
    }
  }
  return { configMaps, secrets, tokens }
}

/** Throws PodConfigError for what is missing, or would leave the volume. */
export function volumeFiles(volume: Volume, sources: VolumeSources): VolumeFiles {
  const files = new Map<string, VolumeFile>()
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap) addConfigMap(files, sources, configMap, configMap.defaultMode)
  if (secret) {
    addSecret(files, sources, { ...secret, name: secret.secretName ?? '' }, secret.defaultMode)
  }
  if (downwardAPI) addDownward(files, sources, downwardAPI.items, downwardAPI.defaultMode)
  for (const source of projected?.sources ?? []) {
    const mode = projected?.defaultMode
    if (source.configMap) addConfigMap(files, sources, source.configMap, mode)
    else if (source.secret) addSecret(files, sources, source.secret, mode)
    else if (source.downwardAPI) addDownward(files, sources, source.downwardAPI.items, mode)
    else if (source.serviceAccountToken) {
      const { path } = source.serviceAccountToken
      const token = sources.tokens.get(tokenKey(source.serviceAccountToken)) ?? ''
      put(files, path, Buffer.from(token), mode ?? 0o600)
    } else {
      throw new PodConfigError(`volume "${volume.name}" projects what this node does not know`)
    }
  }
  return files
}

function put(files: Map<string, VolumeFile>, path: string, content: Uint8Array, mode: number) {
  const segments = path.split('/')
  if (path.startsWith('/') || segments.some(part => part === '' || part === '.' || part === '..')) {
    throw new PodConfigError(`"${path}" is no path inside a volume`)
  }
  if (segments[0]?.startsWith('..')) {
    throw new PodConfigError(`"${path}" must not start with ".."`)
  }
  files.set(path, { content, mode })
}

interface KeyedSource {
  readonly name?: string
  readonly items?: readonly KeyToPath[]
  readonly optional?: boolean
}

function addConfigMap(
  files: Map<string, VolumeFile>,
  { configMaps }: VolumeSources,
  source: KeyedSource,
  mode = defaultFileMode,
): void {
  const object = configMaps.get(source.name ?? '') ?? null
  const contents = new Map<string, Uint8Array>()
  for (const [key, text] of Object.entries(object?.data ?? {})) contents.set(key, Buffer.from(text))
  for (const [key, text] of Object.entries(object?.binaryData ?? {})) {
    contents.set(key, Buffer.from(text, 'base64'))
  }
  addKeys(files, 'configmap', source, object === null ? null : contents, mode)
}

function addSecret(
  files: Map<string, VolumeFile>,
  { secrets }: VolumeSources,
  source: KeyedSource,
  mode = defaultFileMode,
): void {
  const object = secrets.get(source.name ?? '') ?? null
  const contents = new Map<string, Uint8Array>()
  for (const [key, text] of Object.entries(object?.data ?? {})) {
    contents.set(key, Buffer.from(text, 'base64'))
  }
  addKeys(files, 'secret', source, object === null ? null : contents, mode)
}

function addKeys(
  files: Map<string, VolumeFile>,
  kind: string,
  { name = '', items, optional = false }: KeyedSource,
  contents: ReadonlyMap<string, Uint8Array> | null,
  mode: number,
): void {
  if (contents === null) {
    if (!optional) throw new PodConfigError(`${kind} "${name}" not found`)
    return
  }
  if (items === undefined || items.length === 0) {
    for (const [key, content] of contents) put(files, key, content, mode)
    return
  }
  for (const item of items) {
    const content = contents.get(item.key)
    if (content !== undefined) put(files, item.path, content, item.mode ?? mode)
    else if (!optional) {
      throw new PodConfigError(`references non-existent ${kind} key: ${item.key}`)
    }
  }
}

function addDownward(
  files: Map<string, VolumeFile>,
  { pod, place }: VolumeSources,
  items: readonly DownwardAPIVolumeFile[] = [],
  mode = defaultFileMode,
): void {
  const [container] = pod.spec.containers
  for (const { path, fieldRef, resourceFieldRef, mode: own } of items) {
    let text = ''
    if (fieldRef) text = podField(pod, place, fieldRef.fieldPath)
    else if (resourceFieldRef && container) {
      text = resourceField(pod, container, place, resourceFieldRef)
    }
    put(files, path, Buffer.from(text), own ?? mode)
  }
}
