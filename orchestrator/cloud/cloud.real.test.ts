// The cloud controllers with the local provider, through a real API server: balancers that are listened on, and
// nodes whose machines come and go by an edit of a file.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeMetrics } from '../../platform/node/metrics.js'
import { nodeRandom } from '../../platform/node/random.js'
import type { Service } from '../api/types/core-service.js'
import { isNotFound } from '../client/api-error.js'
import { HttpTransport } from '../client/http-transport.js'
import { events, nodes, services } from '../client/resources.js'
import { eventually } from '../controllers/testing/fake-kubelet.js'
import {
  type ControlPlaneForTests,
  startControlPlane,
} from '../controllers/testing/running-controllers.js'
import { localProvider } from './providers/local/local-provider.js'
import type { OpenProvider } from './provider.js'
import { type RunningCloudControllers, startCloudControllers } from './start-cloud-controllers.js'

const namespace = 'default'
/** As text, edited by tests. */
let cloud = ''
let plane: ControlPlaneForTests
const running: { controllers: RunningCloudControllers; transport: HttpTransport }[] = []
const servers: net.Server[] = []

beforeEach(async () => {
  cloud = `
loadBalancerCidr: 127.211.0.0/24
region: here
instances:
- {name: n1, addresses: [127.210.0.1], zone: east, type: small}
- {name: n2, addresses: [127.210.0.2], zone: west, type: small}
`
  plane = await startControlPlane(['n1', 'n2'], { scheduler: false })
})

afterEach(async () => {
  for (const { controllers, transport } of running.splice(0)) {
    await controllers.stop()
    transport.close()
  }
  for (const server of servers.splice(0)) server.close()
  await plane.stop()
})

const openLocal: OpenProvider = context =>
  localProvider({
    ...context,
    readConfig: () => Promise.resolve(cloud),
    ip: args => Promise.reject(new Error(`ip ${args.join(' ')}`)),
  })

async function start(
  identity: string,
  open = openLocal,
  configFile = '',
): Promise<RunningCloudControllers> {
  const clock = nodeClock()
  const shared = { clock, random: nodeRandom(), logger: silentLogger }
  const { caFile, certFile, keyFile } = await plane.server.identity(
    'system:cloud-controller-manager',
  )
  const read = (file: string) => readFileSync(file, 'utf8')
  const transport = new HttpTransport({
    servers: [plane.server.url],
    tls: { ca: read(caFile), cert: read(certFile), key: read(keyFile) },
    userAgent: 'test',
    clock,
    logger: silentLogger,
  })
  const controllers = startCloudControllers({
    ...shared,
    transport,
    identity,
    metrics: nodeMetrics(),
    provider: all => open({ ...shared, configFile, services: all }),
    onFatal: error => {
      throw error
    },
    nodeStatusMs: 200,
    nodeMonitorMs: 200,
    leaseDurationMs: 4_000,
    renewDeadlineMs: 3_000,
    retryPeriodMs: 1_000,
  })
  running.push({ controllers, transport })
  return controllers
}

/** Answers its name to whoever connects. */
function answering(name: string, host: string, port: number): Promise<void> {
  const server = net.createServer(socket => socket.end(name))
  servers.push(server)
  return new Promise(resolve => {
    server.listen(port, host, resolve)
  })
}

function ask(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const socket = net.connect({ host, port })
    socket.setEncoding('utf8')
    socket.on('data', text => {
      said += String(text)
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(said))
  })
}

const created = (name: string, spec: object = {}): Promise<Service> =>
  plane.client.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: {
      type: 'LoadBalancer',
      selector: { app: name },
      ports: [{ port: 7_000, protocol: 'TCP' }],
      ...spec,
    },
  })

const at = (name: string) => () => plane.client.get(services, { namespace, name })
const addressIn = ({ status }: Service): string => status?.loadBalancer?.ingress?.[0]?.ip ?? ''
const addressOf = async (name: string): Promise<string> =>
  addressIn(await eventually(at(name), service => addressIn(service) !== ''))
const patch = (name: string, change: object) =>
  plane.client.patch(services, { namespace, name }, 'merge', JSON.parse(JSON.stringify(change)))

async function serving(service: Service): Promise<number> {
  const port = service.spec?.ports?.[0]?.nodePort ?? 0
  await answering('one', '127.210.0.1', port)
  await answering('two', '127.210.0.2', port)
  return port
}

/** The addresses of both nodes have to be known before anything is balanced to them. */
const nodesKnown = () =>
  eventually(
    async () => (await plane.client.list(nodes)).items,
    all => all.every(({ status }) => (status?.addresses ?? []).length > 0),
  )

test('Cloud controllers, service: a balancer at an address of its own, which goes with it', async () => {
  await start('a')
  await nodesKnown()
  const service = await created('web')
  await serving(service)
  const address = await addressOf('web')
  expect(address).toBe('127.211.0.1')
  await created('other')
  expect(await addressOf('other')).toBe('127.211.0.2')
  expect((await at('web')()).metadata.finalizers).toEqual([
    'service.kubernetes.io/load-balancer-cleanup',
  ])
  expect(new Set([await ask(address, 7_000), await ask(address, 7_000)])).toEqual(
    new Set(['one', 'two']),
  )
  await patch('web', { spec: { loadBalancerSourceRanges: ['10.0.0.0/8'] } })
  await eventually(
    () => ask(address, 7_000).catch(() => 'refused'),
    said => said === 'refused',
  )
  await patch('web', { spec: { loadBalancerSourceRanges: ['127.0.0.0/8'] } })
  await eventually(
    () => ask(address, 7_000),
    said => said !== '',
  )
  await plane.client.delete(services, { namespace, name: 'web' })
  const gone = () => at('web')().then(() => false, isNotFound)
  await eventually(gone, over => over)
  await expect(ask(address, 7_000)).rejects.toThrow('ECONNREFUSED')
  const told = (await plane.client.list(events, { namespace })).items
    .filter(({ involvedObject }) => involvedObject?.name === 'web')
    .map(({ reason }) => reason)
  for (const reason of [
    'EnsuringLoadBalancer',
    'EnsuredLoadBalancer',
    'DeletingLoadBalancer',
    'DeletedLoadBalancer',
  ])
    expect(told).toContain(reason)
})

test('Cloud controllers, service: another type gives the balancer up, a class is for others', async () => {
  await start('a')
  await nodesKnown()
  await created('web')
  await addressOf('web')
  await patch('web', { spec: { type: 'ClusterIP' } })
  const plain = await eventually(
    at('web'),
    ({ metadata }) => (metadata.finalizers ?? []).length === 0,
  )
  expect(plain.status?.loadBalancer?.ingress).toBeUndefined()
  await created('classy', { loadBalancerClass: 'example.com/special' })
  // By the time that a later one has its address this one would have its own.
  await created('later')
  await addressOf('later')
  expect(addressIn(await at('classy')())).toBe('')
})

test('Cloud controllers, service: what cannot be had is told, and tried again', async () => {
  await start('a')
  await nodesKnown()
  await created('web', { loadBalancerIP: '10.1.2.3' })
  const told = await eventually(
    async () => (await plane.client.list(events, { namespace })).items,
    all => all.some(({ reason }) => reason === 'SyncLoadBalancerFailed'),
  )
  expect(told.find(({ reason }) => reason === 'SyncLoadBalancerFailed')?.message).toBe(
    'Error syncing load balancer: the address 10.1.2.3 is not one of 127.211.0.0/24',
  )
  await patch('web', { spec: { loadBalancerIP: '127.211.0.77' } })
  expect(await addressOf('web')).toBe('127.211.0.77')
})

test('Cloud controllers, service: who leads next has the balancers at their addresses', async () => {
  const first = await start('a')
  await nodesKnown()
  const service = await created('web', { loadBalancerIP: '127.211.0.9' })
  await serving(service)
  const address = await addressOf('web')
  await patch('web', { spec: { loadBalancerIP: null } })
  await start('b')
  await first.stop()
  await eventually(
    () => ask(address, 7_000).catch(() => ''),
    said => said === 'one' || said === 'two',
  )
  expect(await addressOf('web')).toBe('127.211.0.9')
})

test('Cloud controllers, node: machines are told of, and nodes go with them', async () => {
  await start('a')
  const known = await eventually(
    () => plane.client.get(nodes, { name: 'n1' }),
    ({ spec }) => spec?.providerID !== undefined,
  )
  expect(known.spec?.providerID).toBe('local://n1')
  expect(known.metadata.labels).toMatchObject({
    'topology.kubernetes.io/zone': 'east',
    'topology.kubernetes.io/region': 'here',
    'node.kubernetes.io/instance-type': 'small',
  })
  expect(known.status?.addresses).toEqual([
    { type: 'InternalIP', address: '127.210.0.1' },
    { type: 'Hostname', address: 'n1' },
  ])
  await plane.client.create(nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n3' },
    spec: {
      taints: [{ key: 'node.cloudprovider.kubernetes.io/uninitialized', effect: 'NoSchedule' }],
    },
  })
  cloud += '- {name: n3, addresses: [127.210.0.3], zone: east}\n'
  const initialized = await eventually(
    () => plane.client.get(nodes, { name: 'n3' }),
    ({ spec }) => spec?.providerID !== undefined,
  )
  const keys = (initialized.spec?.taints ?? []).map(({ key }) => key)
  expect(keys).not.toContain('node.cloudprovider.kubernetes.io/uninitialized')
  // It never becomes ready, and its machine is switched off, on, and taken away.
  const shutdown = 'node.cloudprovider.kubernetes.io/shutdown'
  const isMarked = (yes: boolean) =>
    eventually(
      () => plane.client.get(nodes, { name: 'n3' }),
      ({ spec }) => (spec?.taints ?? []).some(({ key }) => key === shutdown) === yes,
    )
  cloud = cloud.replace('zone: east}\n', 'zone: east, shutdown: true}\n')
  await isMarked(true)
  cloud = cloud.replace(', shutdown: true', '')
  await isMarked(false)
  cloud = cloud.replace(/- \{name: n3.*\n/, '')
  const gone = () => plane.client.get(nodes, { name: 'n3' }).then(() => false, isNotFound)
  await eventually(gone, over => over)
  expect((await plane.client.list(nodes)).items).toHaveLength(2)
})

test('a provider that a user brings is the one of the docs, and tells nodes of its machines', async () => {
  const root = join(import.meta.dirname, '..', '..')
  const file = join(root, 'examples', 'metal-cloud.mjs')
  expect(readFileSync(join(root, 'docs', 'cloud.md'), 'utf8')).toContain(readFileSync(file, 'utf8'))
  const { default: open } = (await import(pathToFileURL(file).href)) as { default: OpenProvider }
  const folder = mkdtempSync(join(tmpdir(), 'raftsman-metal-'))
  const machines = join(folder, 'machines.json')
  writeFileSync(machines, '{"n1": {"address": "127.210.0.7", "rack": "r7"}, "n2": {}}')
  await start('a', open, machines)
  const known = await eventually(
    () => plane.client.get(nodes, { name: 'n1' }),
    ({ spec }) => spec?.providerID !== undefined,
  )
  expect(known.spec?.providerID).toBe('metal://n1')
  expect(known.metadata.labels).toMatchObject({ 'topology.kubernetes.io/zone': 'r7' })
  expect(known.status?.addresses).toContainEqual({ type: 'InternalIP', address: '127.210.0.7' })
  rmSync(folder, { recursive: true })
})
