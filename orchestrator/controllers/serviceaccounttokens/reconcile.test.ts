import { expect, test } from 'vitest'
import type { ObjectMeta } from '../../api/object.js'
import type { Secret, ServiceAccount } from '../../api/types/core-config.js'
import { secondsAgo } from '../testing/objects.js'
import { planTokenSecret } from './reconcile.js'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const named = { 'kubernetes.io/service-account.name': 'robot' }
const both = { ...named, 'kubernetes.io/service-account.uid': 'uid-robot' }
const whole = { token: 'dG9r', namespace: base64('shop'), 'ca.crt': base64('PEM') }

function secret(
  annotations: Readonly<Record<string, string>>,
  data?: Readonly<Record<string, string>>,
  meta: Partial<ObjectMeta> = {},
  type = 'kubernetes.io/service-account-token',
): Secret {
  const metadata = { namespace: 'shop', name: 'kept', annotations, ...meta }
  return { apiVersion: 'v1', kind: 'Secret', metadata, type, ...(data ? { data } : {}) }
}

const account = (meta: Partial<ObjectMeta> = {}): ServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { namespace: 'shop', name: 'robot', uid: 'uid-robot', ...meta },
})

const plan = (
  of: Secret,
  its: ServiceAccount | undefined = account(),
  rootCa: string | null = 'PEM',
) => planTokenSecret(of, its, rootCa)

test('one that is new gets the certificate, the namespace, the uid, and a token of these claims', () => {
  expect(plan(secret(named))).toEqual({
    kind: 'fill',
    secret: secret(both, { namespace: base64('shop'), 'ca.crt': base64('PEM') }),
    claims: {
      iss: 'kubernetes/serviceaccount',
      sub: 'system:serviceaccount:shop:robot',
      'kubernetes.io/serviceaccount/namespace': 'shop',
      'kubernetes.io/serviceaccount/secret.name': 'kept',
      'kubernetes.io/serviceaccount/service-account.name': 'robot',
      'kubernetes.io/serviceaccount/service-account.uid': 'uid-robot',
    },
  })
})

test('a token that is there stays, whatever else is mended', () => {
  const old = { ...whole, 'ca.crt': base64('OLD'), more: 'eA==' }
  expect(plan(secret(both, old))).toMatchObject({
    kind: 'fill',
    claims: null,
    secret: { data: { ...whole, more: 'eA==' } },
  })
  const elsewhere = { ...whole, namespace: base64('other') }
  expect(plan(secret(both, elsewhere))).toEqual({ kind: 'keep' })
})

test.each<readonly [string, Secret, ServiceAccount | undefined, 'keep' | 'delete' | 'fill']>([
  ['one that is whole stays', secret(both, whole), account(), 'keep'],
  ['one whose account is gone goes', secret(both, whole), undefined, 'delete'],
  [
    'one whose account is another one by now goes',
    secret(both, whole),
    account({ uid: 'new' }),
    'delete',
  ],
  [
    'one that is made for the next of the name is filled',
    secret(named),
    account({ uid: 'new' }),
    'fill',
  ],
  [
    'an account that is on its way gets no new token',
    secret(named),
    account({ deletionTimestamp: secondsAgo(1) }),
    'keep',
  ],
  [
    'one that is being deleted is left alone',
    secret(named, {}, { deletionTimestamp: secondsAgo(1) }),
    undefined,
    'keep',
  ],
  ['a secret of another type is none of ours', secret(named, {}, {}, 'Opaque'), undefined, 'keep'],
])('%s', (_, of, its, kind) => {
  expect(planTokenSecret(of, its, 'PEM').kind).toBe(kind)
})

test('where no certificate is published none is written', () => {
  const { token, namespace } = whole
  expect(plan(secret(both, { token, namespace }), account(), null)).toEqual({ kind: 'keep' })
})
