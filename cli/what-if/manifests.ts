// Manifests of what is imagined, as a question for the scheduler. An API server fills pods in as it would if they were
// really created: defaults, limits, priorities, and every refusal.

import type { Json, JsonObject, KubeObject } from '../../orchestrator/api/object.js'
import { isJsonObject } from '../../orchestrator/api/record.js'
import { isNotFound } from '../../orchestrator/client/api-error.js'
import type { ApiClient } from '../../orchestrator/client/rest-client.js'
import { UserError } from '../user-error.js'

/** Parts of the JSON that POST /raftsman/what-if takes. */
export interface Imagined {
  readonly pods: { readonly pod: Json; readonly count: number }[]
  readonly nodes: Json[]
  readonly budgets: Json[]
}

interface Template {
  readonly metadata: JsonObject
  readonly spec: JsonObject
}

/** By kind: how many pods there are to be. DaemonSets have one on each node, and are not moved. */
const replicated: ReadonlyMap<string, { readonly path: string; readonly field: string }> = new Map([
  ['Deployment', { path: '/apis/apps/v1', field: 'replicas' }],
  ['ReplicaSet', { path: '/apis/apps/v1', field: 'replicas' }],
  ['StatefulSet', { path: '/apis/apps/v1', field: 'replicas' }],
  ['ReplicationController', { path: '/api/v1', field: 'replicas' }],
  ['Job', { path: '/apis/batch/v1', field: 'parallelism' }],
])

/** Throws UserError, ApiError. */
export async function imaginedOf(
  api: ApiClient,
  manifests: readonly JsonObject[],
  namespace: string,
): Promise<Imagined> {
  const imagined: Imagined = { pods: [], nodes: [], budgets: [] }
  for (const manifest of manifests) {
    const kind = textOf(manifest, 'kind')
    const metadata = objectOf(manifest, 'metadata')
    const place = textOf(metadata, 'namespace') || namespace
    if (kind === 'Node') imagined.nodes.push(await nodeOf(api, manifest))
    else if (kind === 'PodDisruptionBudget') {
      imagined.budgets.push({ ...manifest, metadata: { ...metadata, namespace: place } })
    } else if (kind === 'Pod') {
      const template = { metadata, spec: objectOf(manifest, 'spec') }
      imagined.pods.push({ pod: await dryPod(api, template, place, nameOf(manifest)), count: 1 })
    } else if (replicated.has(kind)) {
      imagined.pods.push(await podsOf(api, manifest, kind, place))
    } else {
      const known = ['Pod', ...replicated.keys(), 'Node', 'PodDisruptionBudget'].join(', ')
      throw new UserError(
        `A ${kind || 'manifest without a kind'} cannot be imagined: ${known} can.`,
      )
    }
  }
  return imagined
}

/** What comes to the pods that a workload of that name has already. */
async function podsOf(
  api: ApiClient,
  manifest: JsonObject,
  kind: string,
  namespace: string,
): Promise<{ pod: Json; count: number }> {
  const { path, field } = replicated.get(kind) ?? { path: '', field: '' }
  const name = nameOf(manifest)
  const spec = objectOf(manifest, 'spec')
  const wanted = numberOf(spec, field) ?? 1
  const collection = `${kind.toLowerCase()}s`
  const live = await maybe(
    api.getJson<KubeObject>(`${path}/namespaces/${namespace}/${collection}/${name}`),
  )
  const had =
    live === null ? 0 : (numberOf(objectOf(live as unknown as JsonObject, 'spec'), field) ?? 1)
  const template = objectOf(spec, 'template')
  const pod = await dryPod(
    api,
    { metadata: objectOf(template, 'metadata'), spec: objectOf(template, 'spec') },
    namespace,
    name,
  )
  return { pod, count: Math.max(0, wanted - had) }
}

/** As it would be stored. Nothing is. */
async function dryPod(
  api: ApiClient,
  { metadata, spec }: Template,
  namespace: string,
  name: string,
): Promise<Json> {
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: null, namespace, generateName: `${name}-` },
    spec,
  }
  const pod = await api.postJson<JsonObject>(
    `/api/v1/namespaces/${namespace}/pods?dryRun=All&fieldManager=raftsman-what-if`,
    body,
  )
  return { ...pod, metadata: { ...objectOf(pod, 'metadata'), name } }
}

/** One that exists with what the manifest says on top of it, or the manifest as it is. */
async function nodeOf(api: ApiClient, manifest: JsonObject): Promise<Json> {
  const name = nameOf(manifest)
  const live = (await maybe(api.getJson<KubeObject>(`/api/v1/nodes/${name}`))) as JsonObject | null
  if (live === null) {
    const metadata = objectOf(manifest, 'metadata')
    const labels = { 'kubernetes.io/hostname': name, ...objectOf(metadata, 'labels') }
    return { ...manifest, metadata: { ...metadata, labels } }
  }
  const [was, is] = [objectOf(live, 'metadata'), objectOf(manifest, 'metadata')]
  return {
    ...live,
    metadata: { ...was, labels: { ...objectOf(was, 'labels'), ...objectOf(is, 'labels') } },
    spec: { ...objectOf(live, 'spec'), ...objectOf(manifest, 'spec') },
    status: { ...objectOf(live, 'status'), ...objectOf(manifest, 'status') },
  }
}

/** `text` as in "like=node-1,count=3": so many more of the same make. */
export async function moreNodes(api: ApiClient, text: string): Promise<readonly Json[]> {
  const parts = new Map(
    text.split(',').map(part => {
      const [key = '', value = ''] = part.split('=', 2)
      return [key, value] as const
    }),
  )
  const like = parts.get('like') ?? ''
  const count = Number(parts.get('count') ?? '1')
  const odd = [...parts.keys()].find(key => key !== 'like' && key !== 'count')
  if (like === '' || odd !== undefined || !Number.isSafeInteger(count) || count < 1) {
    throw new UserError(`--add-node "${text}": write like=NODE or like=NODE,count=3.`)
  }
  const live = (await maybe(api.getJson<KubeObject>(`/api/v1/nodes/${like}`))) as JsonObject | null
  if (live === null) throw new UserError(`There is no node "${like}".`)
  return Array.from({ length: count }, (_, at) => {
    const name = `${like}-new-${at + 1}`
    const metadata = objectOf(live, 'metadata')
    const labels = { ...objectOf(metadata, 'labels'), 'kubernetes.io/hostname': name }
    const { unschedulable: _unschedulable, ...spec } = objectOf(live, 'spec')
    return { ...live, metadata: { name, labels }, spec }
  })
}

async function maybe<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (isNotFound(error)) return null
    throw error
  }
}

function nameOf(manifest: JsonObject): string {
  const metadata = objectOf(manifest, 'metadata')
  const name = textOf(metadata, 'name') || textOf(metadata, 'generateName').replace(/-$/, '')
  if (name !== '') return name
  throw new UserError(`A ${textOf(manifest, 'kind')} has no metadata.name.`)
}

function objectOf(value: JsonObject, field: string): JsonObject {
  const found = value[field]
  return isJsonObject(found) ? found : {}
}

function textOf(value: JsonObject, field: string): string {
  const found = value[field]
  return typeof found === 'string' ? found : ''
}

function numberOf(value: JsonObject, field: string): number | null {
  const found = value[field]
  return typeof found === 'number' ? found : null
}
