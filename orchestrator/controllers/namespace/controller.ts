// Empties a namespace that is being deleted, kind by kind as discovery names them, then lets it
// go. Counterpart: pkg/controller/namespace. Pods go first and everything else after the last of
// them (OrderedNamespaceDeletion): a pod must not outlive the policies that fence it.

import type { KubeObject } from '../../api/object.js'
import type { Namespace } from '../../api/types/core-config.js'
import { ApiError, isNotFound } from '../../client/api-error.js'
import { type DiscoveredResource, discover } from '../../client/discovery.js'
import { namespaces, pods } from '../../client/resources.js'
import { sameJson } from '../canonical-json.js'
import {
  type Controller,
  type ControllerContext,
  errorText,
  reconcilerQueue,
  runningController,
} from '../context.js'
import { isDeleting } from '../ownership.js'
import {
  type DeletionFindings,
  namespaceFinalizer,
  planNamespaceDeletion,
  type Remaining,
} from './reconcile.js'

/** Until the content is looked at again, when no pod's end brings us back sooner. */
const recheckFirstMs = 500
const recheckMaxMs = 10_000

export function startNamespaceController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const namespaceInformer = informers.of(namespaces)
  const podInformer = informers.of(pods)
  const rounds = new Map<string, number>()
  const { queue, start } = reconcilerQueue(context, {
    name: 'namespace',
    concurrency: 4,
    reconcile,
  })

  async function reconcile(name: string): Promise<void> {
    const known = namespaceInformer.objects.get(name)
    if (!known || !isDeleting(known)) {
      rounds.delete(name)
      return
    }
    const namespace = await client.get(namespaces, { name }).catch((error: unknown) => {
      if (isNotFound(error)) return null
      throw error
    })
    if (namespace?.metadata.uid !== known.metadata.uid || !namespace) return
    const finalizers = namespace.spec?.finalizers ?? []
    if (!finalizers.includes(namespaceFinalizer)) return
    const findings = await empty(name)
    const { conditions, finalize } = planNamespaceDeletion(namespace, findings, clock.wallMs())
    if (finalize) {
      await letGo(namespace)
      return
    }
    await report(namespace, conditions)
    const round = rounds.get(name) ?? 0
    rounds.set(name, round + 1)
    queue.addAfter(name, Math.min(recheckFirstMs * 2 ** round, recheckMaxMs))
  }

  async function letGo(namespace: Namespace): Promise<void> {
    const finalizers = (namespace.spec?.finalizers ?? []).filter(f => f !== namespaceFinalizer)
    const spec = { ...namespace.spec, finalizers }
    await client.finalizeNamespace({ ...namespace, spec } as KubeObject).catch(ignoreNotFound)
  }

  async function report(
    namespace: Namespace,
    conditions: NonNullable<NonNullable<Namespace['status']>['conditions']>,
  ): Promise<void> {
    if (sameJson(namespace.status?.conditions, conditions)) return
    const status = { ...namespace.status, phase: 'Terminating', conditions }
    await client.updateStatus(namespaces, { ...namespace, status }).catch(ignoreNotFound)
  }

  async function empty(name: string): Promise<DeletionFindings> {
    const contentErrors: string[] = []
    const remaining: Remaining[] = []
    let resources: readonly DiscoveredResource[]
    try {
      resources = (await discover(client)).filter(one => one.namespaced)
    } catch (error) {
      return { discoveryError: errorText(error), contentErrors, remaining }
    }
    const isPods = (one: DiscoveredResource) => one.group === '' && one.plural === 'pods'
    const first = resources.filter(isPods)
    const rest = resources.filter(one => !isPods(one))
    for (const stage of [first, rest]) {
      await Promise.all(
        stage.map(async resource => {
          try {
            remaining.push(await emptyOf(name, resource))
          } catch (error) {
            contentErrors.push(`${resourceName(resource)}: ${errorText(error)}`)
          }
        }),
      )
      if (contentErrors.length > 0 || remaining.some(one => one.count > 0)) break
    }
    return { discoveryError: null, contentErrors, remaining }
  }

  async function emptyOf(namespace: string, resource: DiscoveredResource): Promise<Remaining> {
    const resourceText = resourceName(resource)
    const nothing = { resource: resourceText, count: 0, finalizers: new Map<string, number>() }
    const { verbs } = resource
    if (!verbs.includes('list') || !verbs.includes('delete')) return nothing
    const before = await client.list(resource, { namespace, limit: 1 })
    if (before.items.length === 0) return nothing
    try {
      await client.deleteCollection(resource, { namespace, propagationPolicy: 'Background' })
    } catch (error) {
      const unsupported = error instanceof ApiError && error.httpStatus === 405
      if (!unsupported) throw error
      await deleteEach(namespace, resource)
    }
    const { items } = await client.listAll(resource, { namespace })
    const finalizers = new Map<string, number>()
    for (const name of items.flatMap(item => item.metadata.finalizers ?? [])) {
      finalizers.set(name, (finalizers.get(name) ?? 0) + 1)
    }
    return { resource: resourceText, count: items.length, finalizers }
  }

  async function deleteEach(namespace: string, resource: DiscoveredResource): Promise<void> {
    const { items } = await client.listAll(resource, { namespace })
    for (const item of items.filter(one => !isDeleting(one))) {
      const at = { namespace, name: item.metadata.name ?? '' }
      await client.delete(resource, at, { propagationPolicy: 'Background' }).catch(ignoreNotFound)
    }
  }

  const onNamespace = (namespace: Namespace) => {
    if (isDeleting(namespace)) queue.add(namespace.metadata.name ?? '')
  }
  const unsubscribe = [
    namespaceInformer.addHandlers({
      onAdd: onNamespace,
      onUpdate: onNamespace,
      onDelete: namespace => rounds.delete(namespace.metadata.name ?? ''),
    }),
    podInformer.addHandlers({
      onDelete: pod => {
        const namespace = namespaceInformer.objects.get(pod.metadata.namespace ?? '')
        if (namespace) onNamespace(namespace)
      },
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}

function resourceName({ plural, group }: DiscoveredResource): string {
  return group === '' ? `${plural}.` : `${plural}.${group}`
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error
}
