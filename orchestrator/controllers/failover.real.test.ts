// What happens to the control loop when a master dies: an apiserver under open watches, and the
// process that leads.

import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import type { TlsFiles } from '../../platform/network.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeMetrics } from '../../platform/node/metrics.js'
import { nodeRandom } from '../../platform/node/random.js'
import { LocalStore } from '../../store/local-store.js'
import { startTestApiserver, type TestApiserver } from '../apiserver/testing/start-apiserver.js'
import { HttpTransport } from '../client/http-transport.js'
import { Informer } from '../client/informer.js'
import { configMaps, namespaces, serviceAccounts } from '../client/resources.js'
import { ApiClient } from '../client/rest-client.js'
import { startControllers } from './start-controllers.js'
import { eventually } from './testing/fake-kubelet.js'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

function transportTo(servers: readonly TestApiserver[], identity: TlsFiles): HttpTransport {
  const read = (file: string) => readFileSync(file, 'utf8')
  const transport = new HttpTransport({
    servers: servers.map(server => server.url),
    tls: { ca: read(identity.caFile), cert: read(identity.certFile), key: read(identity.keyFile) },
    userAgent: 'test',
    clock: nodeClock(),
    logger: silentLogger,
  })
  closers.push(() => transport.close())
  return transport
}

function configMap(name: string) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name } }
}

test('an informer whose apiserver dies goes on at the next one and misses nothing', async () => {
  // The store outlives the servers, as the store of a cluster does.
  const store = new LocalStore({ clock: nodeClock() })
  closers.push(() => store.close())
  const second = await startTestApiserver({ store })
  closers.push(() => second.close())
  const first = await startTestApiserver({ store, authority: second.authority })
  const client = new ApiClient({ transport: transportTo([first, second], first.admin) })
  const direct = new ApiClient({ transport: transportTo([second], first.admin) })
  const informer = new Informer({
    client,
    resource: configMaps,
    clock: nodeClock(),
    random: nodeRandom(),
    logger: silentLogger,
    selection: { namespace: 'default' },
  })
  closers.push(() => informer.stop())
  const seen: string[] = []
  informer.addHandlers({ onAdd: object => seen.push(object.metadata.name ?? '') })
  await direct.create(configMaps, configMap('before'))
  informer.start()
  await informer.whenSynced()
  await first.close()
  await direct.create(configMaps, configMap('while-away'))
  await eventually(
    async () => seen,
    all => all.includes('while-away'),
  )
  expect(seen.filter(name => name === 'before' || name === 'while-away')).toEqual([
    'before',
    'while-away',
  ])
  await client.create(configMaps, configMap('after'))
  await eventually(
    async () => seen,
    all => all.includes('after'),
  )
})

test('when the leading controllers lose the apiserver they stop, and others take over', async () => {
  const server = await startTestApiserver()
  closers.push(() => server.close())
  const identity = await server.identity('system:kube-controller-manager')
  const admin = new ApiClient({ transport: transportTo([server], server.admin) })
  const fatal: unknown[] = []
  const start = async (name: string) => {
    const transport = transportTo([server], identity)
    const running = await startControllers({
      transport,
      identity: name,
      clock: nodeClock(),
      random: nodeRandom(),
      logger: silentLogger,
      metrics: nodeMetrics(),
      rootCa: null,
      onFatal: error => fatal.push(error),
      leaseDurationMs: 1500,
      renewDeadlineMs: 1000,
      retryPeriodMs: 200,
    })
    closers.push(() => running.stop())
    return { running, transport }
  }
  const a = await start('a')
  await eventually(
    async () => a.running.leading,
    leading => leading,
  )
  const b = await start('b')
  const furnished = async (name: string) => {
    await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    await eventually(
      () => admin.get(serviceAccounts, { namespace: name, name: 'default' }),
      () => true,
    )
  }
  await furnished('first')
  expect(b.running.leading).toBe(false)
  a.transport.close()
  await eventually(
    async () => b.running.leading,
    leading => {
      expect(a.running.leading && b.running.leading).toBe(false)
      return leading
    },
  )
  expect(a.running.leading).toBe(false)
  await furnished('second')
  expect(fatal).toEqual([])
})
