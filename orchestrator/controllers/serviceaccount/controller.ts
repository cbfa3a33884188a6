// Makes the `default` ServiceAccount and the root CA ConfigMap of every namespace, and makes them
// again when somebody deletes or changes them.

import type { Namespace } from '../../api/types/core-config.js'
import { isAlreadyExists, isNamespaceTerminating } from '../../client/api-error.js'
import { Informer } from '../../client/informer.js'
import { configMaps, namespaces, serviceAccounts } from '../../client/resources.js'
import { type Controller, type ControllerContext, reconcilerQueue } from '../context.js'
import { defaultAccountName, missingAccount, rootCaChange, rootCaName } from './reconcile.js'

export interface NamespaceFurnitureOptions {
  /** PEM by which pods verify the apiserver; null publishes none. */
  readonly rootCa: string | null
}

export function startServiceAccountController(
  context: ControllerContext,
  { rootCa }: NamespaceFurnitureOptions,
): Controller {
  const { client, clock, random, logger, informers } = context
  const namespaceInformer = informers.of(namespaces)
  // Only the objects of these names, or every user's ConfigMap would sit in our memory.
  const only = { client, clock, random, logger }
  const accounts = new Informer({
    ...only,
    resource: serviceAccounts,
    selection: { fieldSelector: `metadata.name=${defaultAccountName}` },
  })
  const bundles = new Informer({
    ...only,
    resource: configMaps,
    selection: { fieldSelector: `metadata.name=${rootCaName}` },
  })
  const { queue, start } = reconcilerQueue(context, {
    name: 'service-account',
    concurrency: 2,
    reconcile,
  })

  async function reconcile(name: string): Promise<void> {
    const namespace = namespaceInformer.objects.get(name)
    if (!namespace) return
    const account = missingAccount(namespace, accounts.objects.get(`${name}/${defaultAccountName}`))
    const current = bundles.objects.get(`${name}/${rootCaName}`)
    const bundle = rootCa === null ? null : rootCaChange(namespace, current, rootCa)
    try {
      if (account) await client.create(serviceAccounts, account).catch(ignoreExisting)
      if (bundle?.kind === 'create') {
        await client.create(configMaps, bundle.configMap).catch(ignoreExisting)
      }
      if (bundle?.kind === 'update') await client.update(configMaps, bundle.configMap)
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error
    }
  }

  const onNamespace = (namespace: Namespace) => queue.add(namespace.metadata.name ?? '')
  const addNamespace = (object: { readonly metadata: { readonly namespace?: string } }) =>
    queue.add(object.metadata.namespace ?? '')
  const unsubscribe = [
    namespaceInformer.addHandlers({ onAdd: onNamespace, onUpdate: onNamespace }),
    accounts.addHandlers({ onDelete: addNamespace }),
    bundles.addHandlers({ onUpdate: addNamespace, onDelete: addNamespace }),
  ]
  accounts.start()
  bundles.start()
  void Promise.all([informers.whenSynced(), accounts.whenSynced(), bundles.whenSynced()]).then(
    start,
  )
  return {
    stop() {
      for (const off of unsubscribe) off()
      accounts.stop()
      bundles.stop()
      queue.stop()
    },
  }
}

function ignoreExisting(error: unknown): void {
  if (!isAlreadyExists(error)) throw error
}
