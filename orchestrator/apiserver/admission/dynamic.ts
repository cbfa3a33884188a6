// Admission that clients configure, and that may wait for somebody: policies and webhooks. Each is a
// plug-in here; what they are asked, and in which order, is the chain below. Counterpart:
// apiserver/pkg/admission with its reinvocation.
//
//   built-in ──> mutate: A, B, C ──┐ again, once, where one changed what another had seen
//      ^───────────────────────────┘
//   prepare, validate, built-in checks ──> validate: A, B, C ──> quota, with the write

import type { GroupVersionKind, Kind } from '../../api/kind.js'
import type { JsonObject, KubeObject } from '../../api/object.js'
import { ApiError } from '../../api/status.js'
import type { AdmissionRequest } from '../admission.js'

/** A request as a plug-in sees it. `kind` is the one that is stored; objects are in its version. */
export interface DynamicRequest extends AdmissionRequest {
  /** The version of the kind that the client named. */
  readonly requestKind: Kind
  /**
   * What `object` and `old` are where they are no objects of the kind: a Scale, a Binding,
   * PodExecOptions. Null otherwise.
   */
  readonly body: GroupVersionKind | null
  /** CreateOptions, UpdateOptions or DeleteOptions, with apiVersion and kind; null to connect. */
  readonly options: JsonObject | null
  readonly dryRun: boolean
}

export interface Mutation {
  /** In the version of the request's objects. Null where there was none. */
  readonly object: KubeObject | null
  readonly warnings: readonly string[]
  /** Something has changed that those before may have to look at. */
  readonly again: boolean
  /** Whatever the plug-in wants to know in the second turn. */
  readonly memory: unknown
}

/** Both may throw ApiError, which refuses the request. */
export interface AdmissionPlugin {
  /** For limits and messages of our own. */
  readonly name: string
  /** False where nothing is configured that may look at it: asked of every write, so it is cheap. */
  readonly concerns: (request: DynamicRequest) => boolean
  /** `memory`: null in the first turn, then what the plug-in left there. */
  readonly mutate?: (request: DynamicRequest, memory: unknown) => Promise<Mutation>
  /** Answers with warnings. */
  readonly validate?: (request: DynamicRequest) => Promise<readonly string[]>
}

export interface Mutated {
  readonly object: KubeObject | null
  readonly warnings: readonly string[]
}

const turnsMax = 2

/** `builtIn` is what is mutated without waiting; it is asked in both turns. Throws ApiError. */
export async function mutateInTurn(
  plugins: readonly AdmissionPlugin[],
  request: DynamicRequest,
  builtIn: (request: DynamicRequest) => KubeObject | null | Promise<KubeObject | null>,
): Promise<Mutated> {
  const memories = new Map<AdmissionPlugin, unknown>()
  const warnings: string[] = []
  let { object } = request
  try {
    for (let turn = 1, again = true; again && turn <= turnsMax; turn++) {
      again = false
      object = await builtIn({ ...request, object })
      for (const plugin of plugins) {
        if (plugin.mutate === undefined) continue
        const memory = memories.get(plugin) ?? null
        const mutation = await plugin.mutate({ ...request, object }, memory)
        object = mutation.object
        again ||= mutation.again
        memories.set(plugin, mutation.memory)
        warnings.push(...mutation.warnings)
      }
    }
  } catch (error) {
    throw warned(error, warnings)
  }
  return { object, warnings }
}

/** A refusal does not silence what was said before it. */
export function warned(error: unknown, warnings: readonly string[]): unknown {
  return error instanceof ApiError ? error.warned(warnings) : error
}

/** Answers with warnings. Throws ApiError. */
export async function validateInTurn(
  plugins: readonly AdmissionPlugin[],
  request: DynamicRequest,
): Promise<readonly string[]> {
  const warnings: string[] = []
  try {
    for (const plugin of plugins) {
      if (plugin.validate !== undefined) warnings.push(...(await plugin.validate(request)))
    }
  } catch (error) {
    throw warned(error, warnings)
  }
  return warnings
}

/** Goes on at once where nobody is waited for. */
export function whenDone<T, U>(value: T | Promise<T>, next: (value: T) => U): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}
