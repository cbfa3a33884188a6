// Fills Secrets that are to hold the token of a service account, and deletes them with the account.
// Counterpart: the TokensController of pkg/controller/serviceaccount. Left out: references to such Secrets in accounts,
// which nothing makes any more, and with them the cleaner of tokens that were made without being asked for.

import type { LegacyClaims } from '../../api/legacy-token.js'
import { tokenSecretType } from '../../api/legacy-token.js'
import type { KubeObject } from '../../api/object.js'
import type { Secret } from '../../api/types/core-config.js'
import { isNotFound } from '../../client/api-error.js'
import { Informer } from '../../client/informer.js'
import { objectKey, secrets, serviceAccounts } from '../../client/resources.js'
import { type Controller, type ControllerContext, reconcilerQueue } from '../context.js'
import { accountNameOf, isAccountOf, planTokenSecret, withToken } from './reconcile.js'

/** With the key that API servers verify tokens by. */
export interface AccountTokenSigner {
  sign(claims: LegacyClaims): string
}

export interface TokenSecretsOptions {
  readonly signer: AccountTokenSigner
  /** PEM; null publishes none. */
  readonly rootCa: string | null
}

const accountIndex = 'account'

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
          .catch((error: unknown) => {
            if (!isNotFound(error)) throw error
          })
        return
      }
      case 'fill': {
        const { claims, secret: filled } = plan
        const whole = claims === null ? filled : withToken(filled, signer.sign(claims))
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

  const changed = (secret: Secret) => queue.add(objectKey(secret))
  const accountChanged = (account: KubeObject) => {
    for (const secret of informer.objects.byIndex(accountIndex, objectKey(account))) changed(secret)
  }
  const unsubscribe = [
    informer.addHandlers({ onAdd: changed, onUpdate: changed }),
    accounts.addHandlers({ onAdd: accountChanged, onDelete: accountChanged }),
  ]
  informer.start()
  void Promise.all([informers.whenSynced(), informer.whenSynced()]).then(start)
  return {
    stop() {
      for (const off of unsubscribe) off()
      informer.stop()
      queue.stop()
    },
  }
}
