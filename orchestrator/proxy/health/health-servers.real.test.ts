import { afterEach, expect, it } from 'vitest'
import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeMetrics } from '../../../platform/node/metrics.js'
import { freePort } from '../../../platform/testing/free-port.js'
import type { AddressFamily } from '../../api/address-range.js'
import { eventually } from '../../nftables/testing/network-namespaces.js'
import { type ServicePortPlan, servicePorts } from '../service-ports.js'
import { endpointOf, serviceOf, sliceOf } from '../testing/objects.js'
import { HealthServers } from './health-servers.js'

let servers: HealthServers | null = null

afterEach(() => servers?.stop())

const statusOf = (port: number, path = '/'): Promise<number> =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } }).then(
    ({ status }) => status,
    () => 0,
  )

it('the ports of health open, answer and close with what there is', async () => {
  const [own, ofService] = [await freePort(), await freePort()]
  const metrics = nodeMetrics()
  servers = new HealthServers({
    hosts: ['127.0.0.1'],
    listen: { host: '127.0.0.1', port: own },
    node: () => undefined,
    clock: nodeClock(),
    logger: silentLogger,
    metrics,
  })
  const plansWith = (endpoints: readonly string[]) => {
    const service = serviceOf('web', {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.10',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: ofService,
    })
    const slice = sliceOf(
      'web',
      endpoints.map(address => endpointOf(address)),
    )
    const plans = servicePorts(service, [slice], 'IPv4', { nodeName: 'node-1', zone: null })
    const byService: ReadonlyMap<string, readonly ServicePortPlan[]> = new Map([
      ['default/web', plans],
    ])
    return new Map<AddressFamily, typeof byService>([['IPv4', byService]])
  }
  servers.start()
  await eventually('it is healthy', async () => (await statusOf(own, '/healthz')) === 200)
  expect(await statusOf(own, '/livez')).toBe(200)
  expect(await statusOf(own, '/metrics')).toBe(404)
  expect(await metrics.text()).toMatch(/kubeproxy_proxy_livez_total\{code="200"\} 1/)
  servers.synced(plansWith(['10.244.0.2']))
  await eventually('somebody is here', async () => (await statusOf(ofService)) === 200)
  servers.synced(plansWith([]))
  await eventually('nobody is here', async () => (await statusOf(ofService)) === 503)
  servers.synced(new Map())
  await eventually('the port is closed', async () => (await statusOf(ofService)) === 0)
})
