import { beforeAll, describe, expect, test } from 'vitest'
import type { CertificateSigningRequest } from '../../api/types/certificates.js'
import { nowMs } from '../testing/objects.js'
import {
  certificateMsMax,
  keptForMs,
  planApproval,
  planSigning,
  withCondition,
} from './reconcile.js'
import { clientRequest, type Decision, signingRequest } from './testing/requests.js'

const client = 'kubernetes.io/kube-apiserver-client'
const kubelet = 'kubernetes.io/kube-apiserver-client-kubelet'
const minuteMs = 60_000
const hourMs = 60 * minuteMs

let ann: string
let node: string
beforeAll(async () => {
  ann = (await clientRequest('CN=ann, O=dev')).base64
  node = (await clientRequest('CN=system:node:a, O=system:nodes')).base64
})

describe('signing', () => {
  test.each([
    ['nobody asked for less', undefined, certificateMsMax - 5 * minuteMs],
    ['more was asked for than there is', 10 * 365 * 86_400, certificateMsMax - 5 * minuteMs],
    ['a day was asked for', 86_400, 24 * hourMs - 5 * minuteMs],
    ['it is short, and not made shorter', 3600, hourMs],
    ['too short to be of use', 60, 10 * minuteMs],
  ])('is for as long as the signer grants: %s', (_, expirationSeconds, leftMs) => {
    const asked = expirationSeconds === undefined ? {} : { expirationSeconds }
    const spec = { request: ann, signerName: client, ...asked }
    expect(planSigning(signingRequest(spec, ['Approved']), nowMs)).toEqual({
      kind: 'sign',
      order: {
        requestPem: Buffer.from(ann, 'base64').toString().trim(),
        usages: ['client auth'],
        notBeforeMs: nowMs - 5 * minuteMs,
        notAfterMs: nowMs + leftMs,
      },
    })
  })

  test.each<readonly [string, readonly Decision[], string, string]>([
    ['was not approved', [], client, ''],
    ['was denied', ['Denied'], client, ''],
    ['has failed', ['Approved', 'Failed'], client, ''],
    ['has its certificate', ['Approved'], client, 'AAAA'],
    ['is for a signer of somebody else', ['Approved'], 'example.com/own', ''],
  ])('leaves alone what %s', (_, decisions, signerName, certificate) => {
    const request = signingRequest({ request: ann, signerName }, decisions, certificate)
    expect(planSigning(request, nowMs)).toEqual({ kind: 'nothing' })
  })

  test('fails what breaks the rules of its signer', () => {
    const request = signingRequest({ request: ann, signerName: kubelet }, ['Approved'])
    const why = 'subject organization is not system:nodes'
    expect(planSigning(request, nowMs)).toEqual({ kind: 'refuse', why })
    const failed = { type: 'Failed', reason: 'SignerValidationFailure', message: why }
    expect(planSigning(withCondition(request, failed, nowMs), nowMs)).toEqual({ kind: 'nothing' })
  })
})

describe('approval by rights', () => {
  const usages = ['client auth', 'digital signature']
  const tried = (request: CertificateSigningRequest) =>
    planApproval(request).map(({ subresource }) => subresource)
  const asked = (username: string, decisions: readonly Decision[] = []) =>
    signingRequest({ request: node, signerName: kubelet, usages, username }, decisions)

  test('of a node that asks for itself, and of whoever may ask for nodes', () => {
    expect(tried(asked('system:node:a'))).toEqual(['selfnodeclient', 'nodeclient'])
    expect(tried(asked('system:bootstrap:abcdef'))).toEqual(['nodeclient'])
    const [approval] = planApproval({
      ...asked('joe'),
      spec: { ...asked('joe').spec, groups: ['dev'], uid: '7', extra: { key: ['x'] } },
    })
    expect(approval).toEqual({
      subresource: 'nodeclient',
      message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
      review: {
        user: 'joe',
        uid: '7',
        groups: ['dev'],
        extra: { key: ['x'] },
        resourceAttributes: {
          group: 'certificates.k8s.io',
          version: '*',
          resource: 'certificatesigningrequests',
          subresource: 'nodeclient',
          verb: 'create',
        },
      },
    })
  })

  test('of nothing else, and of nothing that is decided', () => {
    expect(tried(signingRequest({ request: ann, signerName: client }))).toEqual([])
    expect(tried(signingRequest({ request: node, signerName: client, usages }))).toEqual([])
    expect(tried(signingRequest({ request: ann, signerName: kubelet, usages }))).toEqual([])
    for (const decision of ['Approved', 'Denied', 'Failed'] as const) {
      expect(tried(asked('system:node:a', [decision]))).toEqual([])
    }
  })
})

describe('what is done with is removed', () => {
  test.each<readonly [string, readonly Decision[], number | null, number]>([
    ['an hour after it was approved', ['Approved'], null, 30 * minuteMs],
    ['an hour after it was denied', ['Denied'], null, 30 * minuteMs],
    ['an hour after it has failed', ['Approved', 'Failed'], null, 30 * minuteMs],
    ['a day after it came, when nobody decides', [], null, 22.5 * hourMs],
    ['when its certificate has ended', ['Approved'], nowMs + minuteMs, minuteMs],
    ['at once when that is over', ['Approved'], nowMs - minuteMs, 0],
  ])('%s', (_, decisions, notAfterMs, leftMs) => {
    const request = signingRequest({ request: ann, signerName: client }, decisions)
    expect(keptForMs(request, notAfterMs, nowMs)).toBe(leftMs)
    expect(keptForMs(request, notAfterMs, nowMs + 23 * hourMs)).toBe(0)
  })
})
