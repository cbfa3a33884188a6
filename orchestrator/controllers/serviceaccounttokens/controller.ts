// Fills Secrets that are to hold the token of a service account, deletes them with the account, and those that were
// made without being asked for, as clusters before 1.24 did, when nobody has used them for a year.
// Counterpart: the TokensController and the LegacySATokenCleaner of pkg/controller/serviceaccount.

import {
  invalidSinceLabel,
  type LegacyClaims,
  msOfDay,
  tokenSecretType,
  trackingConfigMap,
} from '../../api/legacy-token.js'
import type { KubeObject } from '../../api/object.js'
import { podReferences } from '../../api/pod-references.js'
import type { Secret } from '../../api/types/core-config.js'
import { isNotFound } from '../../client/api-error.js'
import { Informer } from '../../client/informer.js'
import { byNamespace, namespaceIndex } from '../../client/object-store.js'
import {
  configMaps,
  objectKey,
  pods,
  secrets,
  serviceAccounts,
  splitKey,
} from '../../client/resources.js'
import { type Controller, type ControllerContext, reconcilerQueue } from '../context.js'
import {
  accountNameOf,
  isAccountOf,
  planTokenSecret,
  withoutReference,
  withToken,
} from './reconcile.js'
import { planUnused } from './unused.js'

/** With the key that API servers verify tokens by. */
export interface AccountTokenSigner {
  sign(claims: LegacyClaims): string
}

export interface TokenSecretsOptions {
  /** Null: Secrets stay without a token. */
  readonly signer: AccountTokenSigner | null
  /** PEM; null publishes none. */
  readonly rootCa: string | null
}

const accountIndex = 'account'
const cleanPeriodMs = 24 * 3_600_000

/** "namespace/name" of the account. */
function byAccount(secret: Secret): readonly string[] {
  const name = accountNameOf(secret)
  return name === '' ? [] : [`${secret.metadata.namespace}/${name}`]
}

export function startTokenSecretsController(
  context: ControllerContext,
  { signer, rootCa }: TokenSecretsOptions,
): Controller {
  const { client, informers, clock, random, logger } = context
  const accounts = informers.of(serviceAccounts)
  const podInformer = informers.of(pods)
  podInformer.addIndex(namespaceIndex, byNamespace)
  // Of all the Secrets only these are ours to hold.
  const selection = { fieldSelector: `type=${tokenSecretType}` }
  const only = { client, clock, random, logger, selection }
  const informer = new Informer<Secret>({ ...only, resource: secrets })
  informer.addIndex(accountIndex, byAccount)
  const { queue, start } = reconcilerQueue(context, {
    name: 'service-account-tokens',
    concurrency: 2,
    reconcile,
  })
  const unused = reconcilerQueue(context, {
    name: 'legacy-service-account-token-cleaner',
    concurrency: 1,
    reconcile: clean,
  })
  const dangling = reconcilerQueue(context, {
    name: 'service-account-references',
    concurrency: 1,
    reconcile: dropReference,
  })
  if (signer === null) {
    logger.warn(
      { controller: 'service-account-tokens' },
      'Secrets for tokens are not filled: --service-account-private-key-file is not given',
    )
  }

  async function reconcile(key: string): Promise<void> {
    const secret = informer.objects.get(key)
    if (secret === undefined) return
    const plan = planTokenSecret(secret, await accountOf(secret), rootCa)
    switch (plan.kind) {
      case 'keep':
        return
      case 'delete': {
        const { namespace = '', name = '', uid = '', resourceVersion = '' } = secret.metadata
        await client
          .delete(secrets, { namespace, name }, { uid, resourceVersion })
          .catch(ignoreNotFound)
        return
      }
      case 'fill': {
        const { claims, secret: filled } = plan
        if (claims !== null && signer === null) return
        const whole =
          claims === null || signer === null ? filled : withToken(filled, signer.sign(claims))
        await client.update(secrets, whole)
      }
    }
  }

  /** As the server has it, where our copy has none or another: nothing is deleted for being early. */
  async function accountOf(secret: Secret): Promise<KubeObject | undefined> {
    const [key = ''] = byAccount(secret)
    const known = accounts.objects.get(key)
    if (key === '' || isAccountOf(secret, known)) return known
    const at = { namespace: secret.metadata.namespace ?? '', name: accountNameOf(secret) }
    return client.get(serviceAccounts, at).catch((error: unknown) => {
      if (isNotFound(error)) return undefined
      throw error
    })
  }

  async function clean(key: string): Promise<void> {
    const secret = informer.objects.get(key)
    if (secret === undefined) return
    const { namespace = '', name = '', uid = '', resourceVersion = '' } = secret.metadata
    const plan = planUnused({
      secret,
      account: accounts.objects.get(byAccount(secret)[0] ?? ''),
      isMounted: podInformer.objects
        .byIndex(namespaceIndex, namespace)
        .some(pod => podReferences(pod).has(`secrets/${name}`)),
      trackedSinceMs: await trackedSince(),
      nowMs: clock.wallMs(),
    })
    const at = { namespace, name }
    if (plan.kind === 'withdraw') {
      const metadata = { uid, resourceVersion, labels: { [invalidSinceLabel]: plan.day } }
      await client.patch(secrets, at, 'merge', { metadata })
      logger.info({ secret: key }, 'a token that nobody has used for long was withdrawn')
    } else if (plan.kind === 'delete') {
      await client.delete(secrets, at, { uid, resourceVersion }).catch(ignoreNotFound)
      logger.info({ secret: key }, 'a token that nobody has used for long was deleted')
    }
  }

  /** Null where nobody notes it. */
  async function trackedSince(): Promise<number | null> {
    const at = { namespace: 'kube-system', name: trackingConfigMap }
    const found = await client.get(configMaps, at).catch((error: unknown) => {
      if (isNotFound(error)) return null
      throw error
    })
    return msOfDay(found?.data?.['since'])
  }

  /** `key`: "namespace/account/secret". */
  async function dropReference(key: string): Promise<void> {
    const { namespace, name: rest } = splitKey(key)
    const { namespace: name, name: secret } = splitKey(rest)
    const account = accounts.objects.get(`${namespace}/${name}`)
    if (account === undefined || informer.objects.get(`${namespace}/${secret}`)) return
    const without = withoutReference(account, secret)
    if (without !== null) await client.update(serviceAccounts, without)
  }

  const changed = (secret: Secret) => queue.add(objectKey(secret))
  const lookForUnused = () => {
    for (const secret of informer.objects.list()) unused.queue.add(objectKey(secret))
  }
  const ticker = clock.setTicker(cleanPeriodMs, lookForUnused)
  const accountChanged = (account: KubeObject) => {
    for (const secret of informer.objects.byIndex(accountIndex, objectKey(account))) changed(secret)
  }
  const unsubscribe = [
    informer.addHandlers({
      onAdd: changed,
      onUpdate: changed,
      onDelete: secret => {
        for (const key of byAccount(secret)) dangling.queue.add(`${key}/${secret.metadata.name}`)
      },
    }),
    accounts.addHandlers({ onAdd: accountChanged, onDelete: accountChanged }),
  ]
  informer.start()
  void Promise.all([informers.whenSynced(), informer.whenSynced()]).then(() => {
    start()
    unused.start()
    dangling.start()
    lookForUnused()
  })
  return {
    stop() {
      for (const off of unsubscribe) off()
      ticker.cancel()
      informer.stop()
      for (const one of [queue, unused.queue, dangling.queue]) one.stop()
    },
  }
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error
}
