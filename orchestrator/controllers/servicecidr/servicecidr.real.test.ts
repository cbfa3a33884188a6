// Ranges of cluster IPs that users add and take away, with kubectl, over two masters.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from '../../apiserver/testing/kubectl.js'
import type { Kubectl } from '../../apiserver/testing/kubectl.js'
import { startTestApiserver } from '../../apiserver/testing/start-apiserver.js'
import type { TestApiserver } from '../../apiserver/testing/start-apiserver.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

const [, binary = ''] = kubectlBinaries(['1.33'])[0] ?? []

let plane: ControlPlaneForTests
let second: TestApiserver
let kubectl: Kubectl
let elsewhere: Kubectl

beforeAll(async () => {
  plane = await startControlPlane([])
  const { store, authority } = plane.server
  second = await startTestApiserver({ store, authority })
  kubectl = kubectlWith(binary, plane.server.kubeconfig)
  elsewhere = kubectlWith(binary, second.kubeconfig)
})

afterAll(async () => {
  await second?.close()
  await plane?.stop()
})

const rangeText = (name: string, ...cidrs: readonly string[]) => `apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: ${name}}
spec: {cidrs: ${JSON.stringify(cidrs)}}
`

async function addRange(name: string, ...cidrs: readonly string[]): Promise<void> {
  await kubectl.ok('apply', '-f', kubectl.file(`${name}.yaml`, rangeText(name, ...cidrs)))
  await kubectl.ok('wait', `servicecidr/${name}`, '--for=condition=Ready', '--timeout=20s')
}

const waiting = (name: string) =>
  kubectl.ok('wait', `servicecidr/${name}`, '--for=condition=Ready=False', '--timeout=20s')
const gone = (name: string) =>
  kubectl.ok('wait', `servicecidr/${name}`, '--for=delete', '--timeout=20s')

const serviceAt = (name: string, ip: string) =>
  ['create', 'service', 'clusterip', name, '--tcp=80', `--clusterip=${ip}`] as const

const table = async (...args: readonly string[]) =>
  (await kubectl.ok('get', ...args)).replace(/ {2,}/g, '|').replace(/\|\d+s\n/g, '|age\n')

test('addresses come from a range that a user adds, at every master', async () => {
  await addRange('more', '10.200.0.0/29')
  expect(await table('servicecidr')).toBe(
    'NAME|CIDRS|AGE\nkubernetes|10.96.0.0/16|age\nmore|10.200.0.0/29|age\n',
  )
  await elsewhere.ok(...serviceAt('one', '10.200.0.1'))
  await kubectl.ok(...serviceAt('two', '10.200.0.6'))
  expect(await table('ipaddress', '10.200.0.1', '10.200.0.6')).toBe(
    'NAME|PARENTREF\n10.200.0.1|services/default/one\n10.200.0.6|services/default/two\n',
  )
  for (const ip of ['10.200.0.0', '10.200.0.7', '10.201.0.1']) {
    const refused = await elsewhere.run(...serviceAt('no', ip))
    expect(refused.stderr).toContain(
      `the provided IP (${ip}) is not in the valid range. The range of valid IPs is 10.96.0.0/16,10.200.0.0/29`,
    )
  }
  const taken = await elsewhere.run(...serviceAt('no', '10.200.0.6'))
  expect(taken.stderr).toContain(
    'failed to allocate IP 10.200.0.6: provided IP is already allocated',
  )
})

test('a range stays as it was made, but may get the other family', async () => {
  const patch = ['patch', 'servicecidr', 'more', '--type=merge', '-p'] as const
  const refused = await kubectl.run(...patch, '{"spec":{"cidrs":["10.201.0.0/29"]}}')
  expect(refused.stderr).toContain(
    'spec.cidrs[0]: Invalid value: "10.201.0.0/29": field is immutable',
  )
  await kubectl.ok(...patch, '{"spec":{"cidrs":["10.200.0.0/29","fd00:200::/112"]}}')
})

test('a range that goes gives no address, and waits for those in it', async () => {
  await kubectl.ok('delete', 'servicecidr', 'more', '--wait=false')
  await waiting('more')
  const yaml = await kubectl.ok('get', 'servicecidr', 'more', '-o', 'yaml')
  expect(yaml).toContain('reason: Terminating')
  expect(yaml).toContain('- networking.k8s.io/service-cidr-finalizer')
  const refused = await elsewhere.run(...serviceAt('no', '10.200.0.3'))
  expect(refused.stderr).toContain('The range of valid IPs is 10.96.0.0/16\n')
  // What a Service has it keeps.
  await elsewhere.ok('label', 'svc', 'one', 'touched=yes')
  await elsewhere.ok('delete', 'svc', 'one')
  expect(await kubectl.ok('get', 'servicecidr', 'more', '-o', 'name')).toContain('more')
  await elsewhere.ok('delete', 'svc', 'two')
  await gone('more')
})

test('a range goes at once where another one has its addresses', async () => {
  await addRange('wide', '10.210.0.0/24')
  await addRange('narrow', '10.210.0.0/28')
  await kubectl.ok(...serviceAt('shared', '10.210.0.5'))
  await kubectl.ok('delete', 'servicecidr', 'wide', '--timeout=20s')
  await kubectl.ok('delete', 'servicecidr', 'narrow', '--wait=false')
  await waiting('narrow')
  await addRange('again', '10.210.0.0/20')
  await gone('narrow')
  expect(await table('ipaddress', '10.210.0.5')).toContain('services/default/shared')
})

test('the range of the cluster waits for its own Service, and comes back after it went', async () => {
  const uid = () =>
    kubectl.ok(
      ...(['get', 'servicecidr', 'kubernetes', '--ignore-not-found', '-o'] as const),
      'jsonpath={.metadata.uid}',
    )
  const before = await uid()
  await kubectl.ok('delete', 'servicecidr', 'kubernetes', '--wait=false')
  await waiting('kubernetes')
  expect(await uid()).toBe(before)
  await addRange('cover', '10.96.0.0/12')
  // Masters make it again sooner than anybody may have seen that it was gone.
  await expect.poll(uid, { timeout: 30_000 }).not.toMatch(new RegExp(`^(${before})?$`))
  await kubectl.ok('wait', 'servicecidr/kubernetes', '--for=condition=Ready', '--timeout=20s')
  expect(await kubectl.ok('get', 'svc', 'kubernetes')).toContain('10.96.0.1')
})

test('masters that create at once never give an address twice, until there is none left', async () => {
  await addRange('tiny', '10.220.0.0/28')
  const ips = Array.from({ length: 14 }, (_, index) => `10.220.0.${index + 1}`)
  const racing = ips.flatMap((ip, index) => [
    kubectl.run(...serviceAt(`a${index}`, ip)),
    elsewhere.run(...serviceAt(`b${index}`, ip)),
  ])
  const results = await Promise.all(racing)
  expect(results.filter(({ code }) => code === 0)).toHaveLength(14)
  const listed = await kubectl.ok('get', 'svc', '-o', 'jsonpath={.items[*].spec.clusterIP}')
  const all = listed.split(' ')
  expect(new Set(all).size).toBe(all.length)
  expect(all.filter(ip => ip.startsWith('10.220.0.'))).toHaveLength(14)
})
