import { expect, test } from 'vitest'
import type { ConfigMap, Namespace, ServiceAccount } from '../../api/types/core-config.js'
import { secondsAgo } from '../testing/objects.js'
import { missingAccount, rootCaChange } from './reconcile.js'

const namespace = (deleting = false): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', ...(deleting ? { deletionTimestamp: secondsAgo(1) } : {}) },
})

const bundle = (data: Readonly<Record<string, string>>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'shop', name: 'kube-root-ca.crt', resourceVersion: '7' },
  data,
})

const change = (current: ConfigMap | undefined, of = namespace()) =>
  rootCaChange(of, current, 'PEM')

test('default account: every namespace gets one, and gets it back', () => {
  const made = missingAccount(namespace(), undefined)
  expect(made?.metadata).toEqual({ namespace: 'shop', name: 'default' })
  expect(missingAccount(namespace(), made as ServiceAccount)).toBeNull()
  expect(missingAccount(namespace(true), undefined)).toBeNull()
})

test('root CA publisher: every namespace gets the certificate, and gets it back', () => {
  expect(change(undefined)).toMatchObject({
    kind: 'create',
    configMap: {
      metadata: { namespace: 'shop', name: 'kube-root-ca.crt' },
      data: { 'ca.crt': 'PEM' },
    },
  })
  expect(change(bundle({ 'ca.crt': 'PEM' }))).toBeNull()
})

test.each([
  ['another certificate', { 'ca.crt': 'FORGED' }],
  ['one more entry', { 'ca.crt': 'PEM', 'own.crt': 'X' }],
  ['no entry', {}],
])('root CA publisher: %s is put right, at the version that was seen', (_, data) => {
  const planned = change(bundle(data))
  expect(planned).toMatchObject({ kind: 'update', configMap: { data: { 'ca.crt': 'PEM' } } })
  expect(planned?.configMap.metadata.resourceVersion).toBe('7')
})

test('root CA publisher: a namespace that goes gets nothing any more', () => {
  expect(change(undefined, namespace(true))).toBeNull()
  expect(change(bundle({}), namespace(true))).toBeNull()
})
