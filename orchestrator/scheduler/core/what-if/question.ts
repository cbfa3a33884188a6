// What somebody asks the scheduler to imagine, read from JSON. Pure. Kubernetes has no counterpart.

import { RaftsmanError } from '../../../../platform/errors.js'
import { parseQuantity } from '../../../api/quantity.js'
import { isJsonObject } from '../../../api/record.js'
import type { Json, JsonObject } from '../../../api/object.js'
import type { Node } from '../../../api/types/core-node.js'
import type { Pod } from '../../../api/types/core-pod.js'
import type { PodDisruptionBudget } from '../../../api/types/policy-disruption-budget.js'

/** As in the JSON: every part may be left out there. */
export interface WhatIfQuestion {
  /** As the API would store them: with a namespace, defaults and `spec.priority`. */
  readonly pods: readonly HypotheticalPod[]
  readonly nodes: {
    /** One of a name that exists takes its place. */
    readonly add: readonly Node[]
    /** Gone, with all that ran there. */
    readonly remove: readonly string[]
    readonly cordon: readonly string[]
    readonly uncordon: readonly string[]
    /** Cordoned, and its pods evicted. */
    readonly drain: readonly string[]
  }
  /** "namespace/name". */
  readonly removePods: readonly string[]
  /** Beside those that exist, or in the place of one of the same name. */
  readonly budgets: readonly PodDisruptionBudget[]
}

export interface HypotheticalPod {
  readonly pod: Pod
  readonly count: number
}

/** Pods that one question may bring. */
export const hypotheticalPodsMax = 5_000
/** Nodes that one question may bring. */
export const hypotheticalNodesMax = 5_000

export class QuestionError extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'what-if-question', retryable: false, outcome: 'not-applied' })
  }
}

/** Throws QuestionError. */
export function parseQuestion(bytes: Uint8Array): WhatIfQuestion {
  const question = parsed(bytes)
  only(question, '', ['pods', 'nodes', 'removePods', 'budgets'])
  const nodes = objectAt(question, 'nodes')
  only(nodes, 'nodes.', ['add', 'remove', 'cordon', 'uncordon', 'drain'])
  const pods = listAt(question, 'pods').map(podOf)
  const count = pods.reduce((sum, one) => sum + one.count, 0)
  if (count > hypotheticalPodsMax) {
    throw new QuestionError(`pods: at most ${hypotheticalPodsMax} may be asked about, not ${count}`)
  }
  const add = listAt(nodes, 'add').map(nodeOf)
  if (add.length > hypotheticalNodesMax) {
    throw new QuestionError(`nodes.add: at most ${hypotheticalNodesMax}, not ${add.length}`)
  }
  return {
    pods,
    nodes: {
      add,
      remove: namesAt(nodes, 'remove'),
      cordon: namesAt(nodes, 'cordon'),
      uncordon: namesAt(nodes, 'uncordon'),
      drain: namesAt(nodes, 'drain'),
    },
    removePods: namesAt(question, 'removePods'),
    budgets: listAt(question, 'budgets').map(budgetOf),
  }
}

function parsed(bytes: Uint8Array): JsonObject {
  let value: Json
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json
  } catch {
    throw new QuestionError('the question is not JSON')
  }
  if (!isJsonObject(value)) throw new QuestionError('the question is not an object')
  return value
}

function only(object: JsonObject, path: string, names: readonly string[]): void {
  const unknown = Object.keys(object).find(name => !names.includes(name))
  if (unknown === undefined) return
  throw new QuestionError(`there is no "${path}${unknown}": ${names.join(', ')}`)
}

function objectAt(object: JsonObject, name: string): JsonObject {
  const value = object[name] ?? {}
  if (!isJsonObject(value)) throw new QuestionError(`${name} is not an object`)
  return value
}

function listAt(object: JsonObject, name: string): readonly Json[] {
  const value = object[name] ?? []
  if (!Array.isArray(value)) throw new QuestionError(`${name} is not a list`)
  return value as readonly Json[]
}

function namesAt(object: JsonObject, name: string): readonly string[] {
  return listAt(object, name).map(one => {
    if (typeof one === 'string' && one !== '') return one
    throw new QuestionError(`${name} is not a list of names`)
  })
}

function podOf(entry: Json): HypotheticalPod {
  if (!isJsonObject(entry)) throw new QuestionError('pods is not a list of objects')
  only(entry, 'pods[].', ['pod', 'count'])
  const { pod, count = 1 } = entry
  if (!isJsonObject(pod) || !isJsonObject(pod['metadata']) || !isJsonObject(pod['spec'])) {
    throw new QuestionError('pods[].pod is no Pod: it needs metadata and spec')
  }
  const { namespace, name } = pod['metadata']
  if (typeof namespace !== 'string' || typeof name !== 'string') {
    throw new QuestionError('pods[].pod.metadata needs namespace and name')
  }
  if (!Array.isArray(pod['spec']['containers'])) {
    throw new QuestionError('pods[].pod.spec needs containers')
  }
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) {
    throw new QuestionError('pods[].count is not a number of pods')
  }
  return { pod: pod as unknown as Pod, count }
}

function nodeOf(entry: Json): Node {
  const metadata = isJsonObject(entry) ? entry['metadata'] : undefined
  if (!isJsonObject(entry) || !isJsonObject(metadata) || typeof metadata['name'] !== 'string') {
    throw new QuestionError('nodes.add[] is no Node: it needs metadata.name')
  }
  const node = entry as unknown as Node
  const { allocatable } = node.status ?? {}
  if (allocatable === undefined) {
    throw new QuestionError(
      `nodes.add[]: ${metadata['name']} needs status.allocatable, as in {"cpu": "4", "memory": "8Gi", "pods": "110"}`,
    )
  }
  for (const [name, text] of Object.entries(allocatable)) {
    if (typeof text === 'string' && parseQuantity(text) !== null) continue
    throw new QuestionError(`nodes.add[]: status.allocatable.${name} is no quantity`)
  }
  return node
}

function budgetOf(entry: Json): PodDisruptionBudget {
  const metadata = isJsonObject(entry) ? entry['metadata'] : undefined
  if (
    !isJsonObject(metadata) ||
    typeof metadata['namespace'] !== 'string' ||
    typeof metadata['name'] !== 'string'
  ) {
    throw new QuestionError('budgets[] is no PodDisruptionBudget: it needs namespace and name')
  }
  return entry as unknown as PodDisruptionBudget
}
