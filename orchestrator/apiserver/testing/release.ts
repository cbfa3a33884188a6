// Installs a chart as helm 3 does, through the client library: definitions first and waited for, hooks as Jobs by
// weight, objects in the order of their kinds, what was installed kept in Secrets; upgrades by a patch against what
// was there before, or by server-side apply.

import { gunzipSync, gzipSync } from 'node:zlib'
import * as k8s from '@kubernetes/client-node'
import { chartFiles, rendered } from './chart.js'
import type { Values } from './chart.js'

type Manifest = k8s.KubernetesObject & { readonly [field: string]: unknown }

interface Release {
  readonly name: string
  readonly namespace: string
  readonly version: number
  readonly info: { readonly status: string }
  readonly manifest: readonly Manifest[]
  readonly hooks: readonly Manifest[]
}

const installOrder = [
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'CustomResourceDefinition',
  'Role',
  'RoleBinding',
  'Service',
  'Deployment',
  'Ingress',
]
const rank = ({ kind = '' }: Manifest) =>
  installOrder.includes(kind) ? installOrder.indexOf(kind) : installOrder.length

const waitMsMax = 60_000
const pollMs = 100

const annotation = (object: Manifest, name: string) =>
  object.metadata?.annotations?.[`helm.sh/${name}`] ?? ''

export class Releases {
  readonly #objects: k8s.KubernetesObjectApi
  readonly #core: k8s.CoreV1Api
  readonly #namespace: string

  constructor(config: k8s.KubeConfig, namespace: string) {
    this.#objects = k8s.KubernetesObjectApi.makeApiClient(config)
    this.#core = config.makeApiClient(k8s.CoreV1Api)
    this.#namespace = namespace
  }

  /** helm install --create-namespace --wait. Throws when a hook fails. */
  async install(name: string, values: Values): Promise<void> {
    await this.#make({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: this.#namespace },
    })
    for (const definition of this.#render('crds/', name, values)) {
      await this.#make(definition)
      await this.#until(`${definition.kind} is established`, async () =>
        hasCondition(await this.#read(definition), 'Established'),
      )
    }
    const release = this.#release(name, 1, 'pending-install', values)
    await this.#record(release)
    await this.#guarded(release, async () => {
      await this.#runHooks(release, 'pre-install')
      for (const object of release.manifest) await this.#objects.create(object)
      await this.#ready(release)
      await this.#runHooks(release, 'post-install')
    })
  }

  /** helm upgrade --wait; by server-side apply or by three-way patches. */
  async upgrade(name: string, values: Values, how: 'apply' | 'patch'): Promise<void> {
    const before = await this.#deployed(name)
    const release = this.#release(name, before.version + 1, 'pending-upgrade', values)
    await this.#record(release)
    await this.#guarded(release, async () => {
      await this.#change(before, release, how)
      await this.#ready(release)
      await this.#runHooks(release, 'post-upgrade')
    })
    await this.#mark(before, 'superseded')
  }

  /** helm rollback: what was installed then, as a new version. */
  async rollback(name: string, version: number): Promise<void> {
    const before = await this.#deployed(name)
    const then = await this.#stored(name, version)
    const next = before.version + 1
    const release = { ...then, version: next, info: { status: 'pending-rollback' } }
    await this.#record(release)
    await this.#guarded(release, async () => {
      await this.#change(before, release, 'patch')
      await this.#ready(release)
    })
    await this.#mark(before, 'superseded')
  }

  /** helm uninstall --wait. Definitions and hooks stay. */
  async uninstall(name: string): Promise<void> {
    const release = await this.#deployed(name)
    for (const object of release.manifest.toReversed()) await this.#remove(object)
    const selector = `owner=helm,name=${name}`
    await this.#core.deleteCollectionNamespacedSecret({
      namespace: this.#namespace,
      labelSelector: selector,
    })
  }

  /** As `helm history`: versions with their statuses, oldest first. */
  async history(name: string): Promise<readonly string[]> {
    const releases = await this.#all(name)
    return releases.map(({ version, info }) => `${version} ${info.status}`)
  }

  #render(under: string, name: string, values: Values): readonly Manifest[] {
    return Object.entries(chartFiles)
      .filter(([path]) => path.startsWith(under))
      .flatMap(([, text]) =>
        k8s.loadAllYaml(rendered(text, name, this.#namespace, values)),
      ) as Manifest[]
  }

  #release(name: string, version: number, status: string, values: Values): Release {
    const all = this.#render('templates/', name, values).map(object => this.#placed(object, name))
    const isHook = (object: Manifest) => annotation(object, 'hook') !== ''
    return {
      name,
      namespace: this.#namespace,
      version,
      info: { status },
      manifest: all.filter(one => !isHook(one)).toSorted((a, b) => rank(a) - rank(b)),
      hooks: all.filter(isHook),
    }
  }

  #placed(object: Manifest, name: string): Manifest {
    const { name: own = '', labels, annotations } = object.metadata ?? {}
    return {
      ...object,
      metadata: {
        name: own,
        namespace: this.#namespace,
        labels: { ...labels, 'app.kubernetes.io/managed-by': 'Helm' },
        annotations: { ...annotations, 'meta.helm.sh/release-name': name },
      },
    }
  }

  async #runHooks(release: Release, when: string): Promise<void> {
    const weight = (hook: Manifest) => Number(annotation(hook, 'hook-weight'))
    const name = (hook: Manifest) => hook.metadata?.name ?? ''
    const due = release.hooks
      .filter(hook => annotation(hook, 'hook').split(',').includes(when))
      .toSorted((a, b) => weight(a) - weight(b) || name(a).localeCompare(name(b)))
    for (const hook of due) {
      const policy = annotation(hook, 'hook-delete-policy').split(',')
      if (policy.includes('before-hook-creation')) await this.#remove(hook)
      await this.#objects.create(hook)
      await this.#until(`${name(hook)} is complete`, async () => {
        const job = await this.#read(hook)
        if (hasCondition(job, 'Failed')) {
          throw new Error(`${when} hooks failed: job ${name(hook)} failed`)
        }
        return hasCondition(job, 'Complete')
      })
      if (policy.includes('hook-succeeded')) await this.#remove(hook)
    }
  }

  async #change(before: Release, after: Release, how: 'apply' | 'patch'): Promise<void> {
    for (const object of after.manifest) {
      const old = before.manifest.find(one => sameIdentity(one, object))
      if (old === undefined) await this.#objects.create(object)
      else if (how === 'apply') await this.#patch(object, k8s.PatchStrategy.ServerSideApply)
      else {
        const own = object.apiVersion?.includes('example.com') ?? false
        const { MergePatch, StrategicMergePatch } = k8s.PatchStrategy
        await this.#patch(
          { ...object, ...withRemovals(old, object) },
          own ? MergePatch : StrategicMergePatch,
        )
      }
    }
    for (const gone of before.manifest) {
      if (!after.manifest.some(one => sameIdentity(one, gone))) await this.#remove(gone)
    }
  }

  async #patch(object: Manifest, strategy: k8s.PatchStrategy): Promise<void> {
    const force = strategy === k8s.PatchStrategy.ServerSideApply ? true : undefined
    await this.#objects.patch(object, undefined, undefined, 'helm', force, strategy)
  }

  async #ready(release: Release): Promise<void> {
    const waited = release.manifest.filter(({ kind }) => kind === 'Deployment')
    for (const object of waited) {
      await this.#until(`${object.metadata?.name} is available`, async () => {
        const { metadata, spec, status } = (await this.#read(object)) as k8s.V1Deployment
        const replicas = spec?.replicas ?? 1
        return (
          status?.observedGeneration === metadata?.generation &&
          status?.updatedReplicas === replicas &&
          status.replicas === replicas &&
          status.availableReplicas === replicas
        )
      })
    }
  }

  /** Whatever happens, the release says how it ended. */
  async #guarded(release: Release, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      await this.#mark(release, 'failed')
      throw error
    }
    await this.#mark(release, 'deployed')
  }

  #secret(release: Release): k8s.V1Secret {
    const { name, version, info } = release
    const packed = gzipSync(JSON.stringify(release)).toString('base64')
    return {
      metadata: {
        name: `sh.helm.release.v1.${name}.v${version}`,
        labels: { owner: 'helm', name, status: info.status, version: String(version) },
      },
      type: 'helm.sh/release.v1',
      data: { release: Buffer.from(packed).toString('base64') },
    }
  }

  async #record(release: Release): Promise<void> {
    await this.#core.createNamespacedSecret({
      namespace: this.#namespace,
      body: this.#secret(release),
    })
  }

  async #mark(release: Release, status: string): Promise<void> {
    const body = this.#secret({ ...release, info: { status } })
    const name = body.metadata?.name ?? ''
    await this.#core.replaceNamespacedSecret({ namespace: this.#namespace, name, body })
  }

  async #all(name: string): Promise<readonly Release[]> {
    const { items } = await this.#core.listNamespacedSecret({
      namespace: this.#namespace,
      labelSelector: `owner=helm,name=${name}`,
      fieldSelector: 'type=helm.sh/release.v1',
    })
    return items
      .map(({ data }) => {
        const packed = Buffer.from(data?.['release'] ?? '', 'base64').toString()
        return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString()) as Release
      })
      .toSorted((a, b) => a.version - b.version)
  }

  async #stored(name: string, version: number): Promise<Release> {
    const found = (await this.#all(name)).find(release => release.version === version)
    if (found === undefined) throw new Error(`release: not found: ${name} ${version}`)
    return found
  }

  async #deployed(name: string): Promise<Release> {
    const found = (await this.#all(name)).findLast(({ info }) => info.status === 'deployed')
    if (found === undefined) throw new Error(`"${name}" has no deployed releases`)
    return found
  }

  async #read(object: Manifest): Promise<k8s.KubernetesObject> {
    const { apiVersion = '', kind = '', metadata } = object
    const { name = '', namespace } = metadata ?? {}
    return await this.#objects.read({
      apiVersion,
      kind,
      metadata: namespace === undefined ? { name } : { name, namespace },
    })
  }

  /** It may be there. */
  async #make(object: Manifest): Promise<void> {
    await this.#objects.create(object).catch((error: unknown) => {
      if (!isCode(error, 409)) throw error
    })
  }

  /** And waits until it is gone. */
  async #remove(object: Manifest): Promise<void> {
    const remove = this.#objects.delete(
      object,
      undefined,
      undefined,
      undefined,
      undefined,
      'Background',
    )
    await remove.catch((error: unknown) => {
      if (!isCode(error, 404)) throw error
    })
    await this.#until(`${object.metadata?.name} is gone`, () =>
      this.#read(object).then(
        () => false,
        (error: unknown) => {
          if (isCode(error, 404)) return true
          throw error
        },
      ),
    )
  }

  async #until(what: string, look: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + waitMsMax
    while (!(await look())) {
      if (performance.now() > endMs) throw new Error(`timed out waiting until ${what}`)
      await new Promise(resolve => {
        setTimeout(resolve, pollMs)
      })
    }
  }
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof k8s.ApiException && error.code === code
}

function hasCondition(object: k8s.KubernetesObject, type: string): boolean {
  const { status } = object as { status?: { conditions?: { type: string; status: string }[] } }
  return status?.conditions?.some(one => one.type === type && one.status === 'True') ?? false
}

function sameIdentity(a: Manifest, b: Manifest): boolean {
  return a.kind === b.kind && a.metadata?.name === b.metadata?.name
}

/** What is wanted, and null where something that was wanted before is not any more. */
function withRemovals(old: unknown, wanted: unknown): Record<string, unknown> {
  const patch: Record<string, unknown> = { ...(wanted as object) }
  for (const [field, value] of Object.entries(old as object)) {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!(field in patch)) patch[field] = null
    else if (isMap) patch[field] = withRemovals(value, patch[field])
  }
  return patch
}
