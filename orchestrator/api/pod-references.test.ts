import { describe, expect, test } from 'vitest'
import type { JsonObject } from './object.js'
import { podReferences } from './pod-references.js'
import { objectOf } from '../apiserver/testing/objects.js'

describe('what a pod refers to', () => {
  const spec: JsonObject = {
    serviceAccountName: 'robot',
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      {
        name: 'secret-like-name',
        envFrom: [{ secretRef: { name: 'from' } }, { configMapRef: { name: 'cm-from' } }],
        env: [{ name: 'x', valueFrom: { secretKeyRef: { name: 'key', key: 'k' } } }],
      },
    ],
    volumes: [
      { name: 'v', secret: { secretName: 'vol' } },
      { name: 'w', projected: { sources: [{ secret: { name: 'proj' } }] } },
      { name: 'c', configMap: { name: 'cm-vol' } },
      { name: 'd', persistentVolumeClaim: { claimName: 'claim' } },
      { name: 'e', ephemeral: { volumeClaimTemplate: { spec: {} } } },
    ],
  }

  test.each([
    ['secrets', ['pull', 'from', 'key', 'vol', 'proj'], ['secret-like-name', 'cm-vol', 'v', 'x']],
    ['configmaps', ['cm-from', 'cm-vol'], ['vol', 'c']],
    ['persistentvolumeclaims', ['claim', 'p-e'], ['d', 'e']],
    ['serviceaccounts', ['robot'], ['default']],
  ])('%s', (resource, yes, no) => {
    const found = podReferences(objectOf('Pod', { name: 'p', namespace: 'a' }, { spec }))
    const refers = (name: string) => found.has(`${resource}/${name}`)
    expect(yes.filter(refers)).toEqual(yes)
    expect(no.filter(refers)).toEqual([])
  })
})
