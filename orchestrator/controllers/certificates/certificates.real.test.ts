// Certificates from the wish to the login, with the real kubectl: asked for, approved, signed and used; denied; failed
// by the rules of a signer; and those of kubelets, which nobody has to approve.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Kubectl, kubectlBinaries, kubectlWith } from '../../apiserver/testing/kubectl.js'
import { certificateSigningRequests } from '../../client/resources.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'
import { type ClientRequest, clientRequest } from './testing/requests.js'

const client = 'kubernetes.io/kube-apiserver-client'
const kubeletClient = 'kubernetes.io/kube-apiserver-client-kubelet'

describe.each(kubectlBinaries(['1.27', '1.33']))('kubectl %s', (_, binary) => {
  let plane: ControlPlaneForTests
  let admin: Kubectl
  const folder = mkdtempSync(join(tmpdir(), 'raftsman-csr-'))

  beforeAll(async () => {
    plane = await startControlPlane([])
    admin = kubectlWith(binary, plane.server.kubeconfig)
  })

  afterAll(async () => {
    await plane?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const manifest = (
    name: string,
    { base64 }: ClientRequest,
    signerName: string,
    usages: string,
  ) => `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ${name}}
spec: {request: ${base64}, signerName: ${signerName}, expirationSeconds: 3600, usages: [${usages}]}
`
  const ask = async (by: Kubectl, name: string, ...of: [ClientRequest, string, string]) => {
    await by.ok('create', '-f', by.file(`${name}.yaml`, manifest(name, ...of)))
  }
  const settled = (name: string, condition: RegExp) =>
    eventually(
      () => admin.ok('get', 'csr', name, '--no-headers'),
      line => condition.test(line),
    )

  /** As a user does it: certificate and key into files, and files into a kubeconfig. */
  async function kubectlAs(name: string, { keyPem }: ClientRequest): Promise<Kubectl> {
    const base64 = await admin.ok('get', 'csr', name, '-o', 'jsonpath={.status.certificate}')
    const certFile = join(folder, `${name}.crt`)
    const keyFile = join(folder, `${name}.key`)
    writeFileSync(certFile, Buffer.from(base64, 'base64'))
    writeFileSync(keyFile, keyPem, { mode: 0o600 })
    const { caFile } = plane.server.authority
    return kubectlWith(binary, plane.server.kubeconfigFor({ caFile, certFile, keyFile }))
  }

  test('CSR signers: a request that is approved becomes a certificate that the API knows its user by', async () => {
    const wish = await clientRequest('CN=ann, O=dev')
    await ask(admin, 'ann', wish, client, 'client auth')
    await settled('ann', / Pending\n$/)
    await admin.ok('certificate', 'approve', 'ann')
    expect(await settled('ann', /Issued/)).toMatch(
      /^ann +\d+s +kubernetes\.io\/kube-apiserver-client +kubernetes-admin +60m +Approved,Issued\n$/,
    )
    const ann = await kubectlAs('ann', wish)
    expect((await ann.run('get', 'pods')).stderr).toContain('User "ann" cannot list')
    await admin.ok('create', 'rolebinding', 'dev', '--clusterrole=view', '--group=dev')
    expect(await ann.ok('auth', 'can-i', 'list', 'pods')).toBe('yes\n')
    expect((await ann.run('get', 'nodes')).stderr).toContain('User "ann" cannot list')
  })

  test('one that is denied gets none', async () => {
    await ask(admin, 'joe', await clientRequest('CN=joe'), client, 'client auth')
    await admin.ok('certificate', 'deny', 'joe')
    await settled('joe', / Denied\n$/)
    const next = await clientRequest('CN=after')
    await ask(admin, 'after', next, client, 'client auth')
    await admin.ok('certificate', 'approve', 'after')
    await settled('after', /Issued/)
    expect(await settled('joe', /Denied/)).toMatch(/ Denied\n$/)
  })

  test('one that breaks the rules of its signer fails, approved or not', async () => {
    await ask(admin, 'wrong', await clientRequest('CN=joe'), client, 'server auth')
    await admin.ok('certificate', 'approve', 'wrong')
    await settled('wrong', / Approved,Failed\n$/)
    const { status } = await plane.client.get(certificateSigningRequests, { name: 'wrong' })
    expect(status?.conditions?.find(({ type }) => type === 'Failed')).toMatchObject({
      status: 'True',
      reason: 'SignerValidationFailure',
      message: 'invalid usage for client certificate: server auth',
    })
    expect(status?.certificate).toBeUndefined()
  })

  test("a kubelet's is approved by its rights, and stays pending without them", async () => {
    const { server } = plane
    const group = 'system:bootstrappers:test'
    const bootstrap = kubectlWith(
      binary,
      server.kubeconfigFor(await server.identity('system:bootstrap:abcdef', [group])),
    )
    const bind = (name: string, role: string, to: string) =>
      admin.ok('create', 'clusterrolebinding', name, '--clusterrole', role, '--group', to)
    const approvable = 'system:certificates.k8s.io:certificatesigningrequests'
    await bind('ask', 'system:node-bootstrapper', group)
    const usages = 'digital signature, client auth'
    const early = await clientRequest('CN=system:node:early, O=system:nodes')
    await ask(bootstrap, 'early', early, kubeletClient, usages)
    await bind('nodes', `${approvable}:nodeclient`, group)
    const wish = await clientRequest('CN=system:node:n7, O=system:nodes')
    await ask(bootstrap, 'n7', wish, kubeletClient, usages)
    await settled('n7', / Approved,Issued\n$/)
    const { status } = await plane.client.get(certificateSigningRequests, { name: 'n7' })
    expect(status?.conditions).toMatchObject([
      {
        type: 'Approved',
        reason: 'AutoApproved',
        message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
      },
    ])
    expect(await settled('early', /Pending/)).toMatch(/ Pending\n$/)
    // What it got makes it a node: it may register itself, and it may ask for its next certificate by itself.
    const node = await kubectlAs('n7', wish)
    const own = 'apiVersion: v1\nkind: Node\nmetadata: {name: n7}\n'
    await node.ok('create', '-f', node.file('node.yaml', own))
    await bind('self', `${approvable}:selfnodeclient`, 'system:nodes')
    const renewal = await clientRequest('CN=system:node:n7, O=system:nodes')
    await ask(node, 'n7-again', renewal, kubeletClient, usages)
    await settled('n7-again', / Approved,Issued\n$/)
    const again = await plane.client.get(certificateSigningRequests, { name: 'n7-again' })
    expect(again.status?.conditions?.[0]?.message).toBe(
      'Auto approving self kubelet client certificate after SubjectAccessReview.',
    )
  })
})
