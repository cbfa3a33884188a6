import { expect, test } from 'vitest'
import type { AlternativeName } from '../../api/certificate-request.js'
import { refusalBy } from './signers.js'

const client = 'kubernetes.io/kube-apiserver-client'
const kubelet = 'kubernetes.io/kube-apiserver-client-kubelet'
const serving = 'kubernetes.io/kubelet-serving'
const legacy = 'kubernetes.io/legacy-unknown'

type Case = readonly [
  signer: string,
  subject: string,
  names: readonly AlternativeName[],
  usages: readonly string[],
  why: string | null,
]

const forClients = ['digital signature', 'key encipherment', 'client auth']
const forServers = ['digital signature', 'key encipherment', 'server auth']
const node = 'system:node:a/system:nodes'
const notMatched = (...usages: readonly string[]) => `usages did not match [${usages.join(' ')}]`
const wrongForClients = notMatched('client auth', 'digital signature', 'key encipherment')
const wrongForServers = notMatched('digital signature', 'key encipherment', 'server auth')

test.each<Case>([
  [client, 'ann/dev', [], ['client auth'], null],
  [client, 'ann/dev', ['dns'], forClients, null],
  [client, 'ann', [], forServers, 'invalid usage for client certificate: server auth'],
  [
    client,
    'ann',
    [],
    ['digital signature'],
    'missing required usage for client certificate: client auth',
  ],
  [kubelet, node, [], forClients, null],
  [kubelet, node, [], ['client auth', 'digital signature'], null],
  [kubelet, node, [], ['client auth'], wrongForClients],
  [kubelet, node, [], [...forClients, 'server auth'], wrongForClients],
  [kubelet, 'system:node:a/dev', [], forClients, 'subject organization is not system:nodes'],
  [
    kubelet,
    'system:node:a/system:nodes/system:masters',
    [],
    forClients,
    'subject organization is not system:nodes',
  ],
  [
    kubelet,
    'ann/system:nodes',
    [],
    forClients,
    'subject common name does not begin with system:node:',
  ],
  [kubelet, node, ['dns'], forClients, 'DNS subjectAltNames are not allowed'],
  [kubelet, node, ['email'], forClients, 'Email subjectAltNames are not allowed'],
  [kubelet, node, ['ip'], forClients, 'IP subjectAltNames are not allowed'],
  [kubelet, node, ['uri'], forClients, 'URI subjectAltNames are not allowed'],
  [serving, node, ['dns'], forServers, null],
  [serving, node, ['ip'], ['digital signature', 'server auth'], null],
  [serving, node, [], forServers, 'DNS or IP subjectAltName is required'],
  [serving, node, ['dns', 'uri'], forServers, 'URI subjectAltNames are not allowed'],
  [serving, node, ['dns', 'email'], forServers, 'Email subjectAltNames are not allowed'],
  [serving, node, ['dns'], forClients, wrongForServers],
  [serving, 'ann', ['dns'], forServers, 'subject organization is not system:nodes'],
  [
    serving,
    'ann/system:nodes',
    ['dns'],
    forServers,
    'subject common name does not begin with system:node:',
  ],
  [legacy, 'whoever/whatever', ['dns', 'email'], ['any', 'cert sign'], null],
])('%s is asked for %s with %j for %j', (signer, subject, names, usages, why) => {
  const [commonName = '', ...organizations] = subject.split('/')
  const content = { subject: { commonName, organizations }, alternativeNames: new Set(names) }
  expect(refusalBy(signer, content, usages)).toBe(why)
})
