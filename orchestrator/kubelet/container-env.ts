// The environment and the command of a container, as its spec and what that names make them.
// Counterpart: makeEnvironmentVariables of the kubelet. Pure: the shell fetches, this decides.

import type { ConfigMap, Secret } from '../api/types/core-config.js'
import type { Container, EnvVar as EnvVarSpec } from '../api/types/core-container.js'
import type { Pod } from '../api/types/core-pod.js'
import type { Service } from '../api/types/core-service.js'
import { expandReferences } from './env-expansion.js'
import { PodConfigError, podField, type PodPlace, resourceField } from './pod-fields.js'
import type { EnvVar } from './runtime.js'
import { serviceEnv } from './service-env.js'

export interface NamedSources {
  readonly configMaps: ReadonlyMap<string, ConfigMap | null>
  readonly secrets: ReadonlyMap<string, Secret | null>
}

export interface EnvContext extends NamedSources {
  readonly pod: Pod
  readonly container: Container
  readonly place: PodPlace
  readonly services: readonly Service[]
}

/** Names of the ConfigMaps and Secrets that the container's environment is made of. */
export function envSourceNames(container: Container): {
  readonly configMaps: ReadonlySet<string>
  readonly secrets: ReadonlySet<string>
} {
  const configMaps = new Set<string>()
  const secrets = new Set<string>()
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef?.name) configMaps.add(configMapRef.name)
    if (secretRef?.name) secrets.add(secretRef.name)
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name) configMaps.add(valueFrom.configMapKeyRef.name)
    if (valueFrom?.secretKeyRef?.name) secrets.add(valueFrom.secretKeyRef.name)
  }
  return { configMaps, secrets }
}

export const decodeBase64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8')

/** Any printable ASCII but the equals sign. */
const isVariableName = (name: string): boolean => /^[\x20-\x3c\x3e-\x7e]+$/.test(name)

/** Throws PodConfigError when something that is not optional is missing. */
export function containerEnv(context: EnvContext): readonly EnvVar[] {
  const { pod, container, place, services } = context
  const links = pod.spec.enableServiceLinks ?? true
  const offered = serviceEnv(services, pod.metadata.namespace ?? '', links)
  const env = new Map([['POD_IP', place.podAddress]])
  addWholeSources(env, context)
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, context, name => env.get(name) ?? offered.get(name))
    if (value !== null) env.set(variable.name, value)
  }
  for (const [name, value] of offered) if (!env.has(name)) env.set(name, value)
  return [...env].map(([name, value]) => ({ name, value }))
}

function addWholeSources(env: Map<string, string>, context: EnvContext): void {
  for (const { prefix = '', configMapRef, secretRef } of context.container.envFrom ?? []) {
    if (configMapRef !== undefined) {
      const source = found(context.configMaps, 'configmap', configMapRef)
      for (const [key, value] of Object.entries(source?.data ?? {})) {
        if (isVariableName(prefix + key)) env.set(prefix + key, value)
      }
    }
    if (secretRef !== undefined) {
      const source = found(context.secrets, 'secret', secretRef)
      for (const [key, value] of Object.entries(source?.data ?? {})) {
        if (isVariableName(prefix + key)) env.set(prefix + key, decodeBase64(value))
      }
    }
  }
}

interface Reference {
  readonly name?: string
  readonly optional?: boolean
}

function found<T>(
  sources: ReadonlyMap<string, T | null>,
  kind: string,
  { name = '', optional = false }: Reference,
): T | null {
  const source = sources.get(name) ?? null
  if (source === null && !optional) throw new PodConfigError(`${kind} "${name}" not found`)
  return source
}

/** Null for what is optional and not there. */
function variableValue(
  variable: EnvVarSpec,
  context: EnvContext,
  valueOf: (name: string) => string | undefined,
): string | null {
  const { valueFrom } = variable
  if (valueFrom === undefined) return expandReferences(variable.value ?? '', valueOf)
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom
  if (fieldRef) return podField(context.pod, context.place, fieldRef.fieldPath)
  if (resourceFieldRef) {
    return resourceField(context.pod, context.container, context.place, resourceFieldRef)
  }
  if (configMapKeyRef) {
    const source = found(context.configMaps, 'configmap', configMapKeyRef)
    return keyOf(source?.data, configMapKeyRef, source, `ConfigMap`, context.pod)
  }
  if (secretKeyRef) {
    const source = found(context.secrets, 'secret', secretKeyRef)
    const value = keyOf(source?.data, secretKeyRef, source, 'Secret', context.pod)
    return value === null ? null : decodeBase64(value)
  }
  throw new PodConfigError(`variable ${variable.name} has a source that this node does not know`)
}

function keyOf(
  data: { readonly [key: string]: string } | undefined,
  reference: Reference & { readonly key: string },
  source: object | null,
  kind: string,
  { metadata }: Pod,
): string | null {
  const { key, name = '', optional = false } = reference
  if (data !== undefined && Object.hasOwn(data, key)) return data[key] ?? ''
  if (source === null || optional) return null
  throw new PodConfigError(`couldn't find key ${key} in ${kind} ${metadata.namespace}/${name}`)
}

export interface ContainerCommand {
  readonly command: readonly string[]
  readonly args: readonly string[]
}

/** After expansion; empty when the image has to say. */
export function containerCommand(container: Container, env: readonly EnvVar[]): ContainerCommand {
  const values = new Map(env.map(({ name, value }) => [name, value]))
  const expanded = (words: readonly string[] = []): readonly string[] =>
    words.map(word => expandReferences(word, name => values.get(name)))
  return { command: expanded(container.command), args: expanded(container.args) }
}
