import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeMetrics } from '../../../platform/node/metrics.js'
import { nodeRandom } from '../../../platform/node/random.js'
import type { Service } from '../../api/types/core-service.js'
import type { Endpoint } from '../../api/types/discovery.js'
import { endpointSlices, services } from '../../client/resources.js'
import {
  eventually,
  type Namespace,
  NodeNetwork,
  systemPath,
} from '../../nftables/testing/network-namespaces.js'
import { itKeepsToTheTable } from '../testing/behaviours.js'
import { endpointOf, serviceOf, sliceOf } from '../testing/objects.js'
import { ScriptedApi } from '../testing/scripted-api.js'
import { NftablesProxy } from './nftables-proxy.js'

let network: NodeNetwork
let api: ScriptedApi
let proxy: NftablesProxy
let podA: Namespace
let podB: Namespace
let client: Namespace
const metrics = nodeMetrics()

async function newProxy(): Promise<NftablesProxy> {
  return new NftablesProxy({
    place: () => ({ nodeName: 'node-1', zone: 'here' }),
    services: await api.informer(services),
    endpointSlices: await api.informer(endpointSlices),
    families: ['IPv4', 'IPv6'],
    config: {
      clusterCidrs: ['10.244.0.0/16', 'fd44::/64'],
      nodePortAddresses: ['192.168.50.0/24'],
      masqueradeAll: false,
      masqueradeBit: 14,
    },
    clock: nodeClock(),
    random: nodeRandom(),
    processes: network.node.processes,
    logger: silentLogger,
    metrics,
    searchPath: systemPath,
    auditMs: 200,
  })
}

const nft = (...args: readonly string[]): string => network.node.exec('nft', ...args)

beforeAll(async () => {
  network = new NodeNetwork()
  podA = network.pod(2)
  podB = network.pod(3)
  client = network.pod(4)
  for (const protocol of ['tcp', 'udp'] as const) {
    await podA.listen(protocol, 8080, 'a')
    await podB.listen(protocol, 8080, 'b')
    await network.outside.listen(protocol, 8080, 'c', '10.244.2.2')
  }
  await podA.listen('tcp', 8081, 'a', 'fd44::2')
  await podB.listen('tcp', 8081, 'b', 'fd44::3')
  // A table of somebody else, which must come through all of this.
  nft('add', 'table', 'ip', 'others')
  api = new ScriptedApi()
  proxy = await newProxy()
  proxy.start()
})

afterAll(async () => {
  await proxy.stop()
  api.close()
  expect(nft('list', 'tables')).toContain('table ip others')
  network.remove()
})

describe('the proxy in the kernel', () => {
  const doors = {
    'cluster IP': ['10.96.0.10', 80],
    'node port': ['192.168.50.1', 30_080],
    witness: ['10.96.0.10', 81],
  } as const

  itKeepsToTheTable(() => ({
    api,
    backends: { a: '10.244.1.2', b: '10.244.1.3', c: '10.244.2.2' },
    backendPort: 8080,
    clusterIp: '10.96.0.10',
    port: 80,
    nodePort: 30_080,
    async ask(door) {
      const [host, port] = doors[door]
      const said = await client.ask('tcp', host, port)
      return /^[abc] /.test(said) ? said.slice(0, 1) : 'nobody'
    },
  }))
})

const a = endpointOf('10.244.1.2')
const b = endpointOf('10.244.1.3')
const c = endpointOf('10.244.2.2', { nodeName: 'node-2' })

/** Puts a Service and its endpoints; it is taken away before the next one is put. */
let clear = (): void => {}

function put(
  spec: Partial<NonNullable<Service['spec']>>,
  endpoints: readonly Endpoint[],
  more: { readonly ingress?: readonly object[]; readonly protocol?: string } = {},
): void {
  const { ingress, protocol = 'TCP' } = more
  const service = serviceOf(
    'web',
    { clusterIP: '10.96.0.20', ports: [{ port: 80, protocol }], ...spec },
    ingress === undefined ? {} : { status: { loadBalancer: { ingress } } },
  )
  const slice = sliceOf('web', endpoints, { ports: [{ port: 8080, protocol }] })
  api.put('services', service)
  api.put('endpointslices', slice)
  clear = () => {
    api.delete('services', service)
    api.delete('endpointslices', slice)
  }
}

beforeEach(() => {
  clear()
  clear = () => {}
})

const says = (
  from: Namespace,
  wanted: string,
  host: string,
  port: number,
  protocol: 'tcp' | 'udp' = 'tcp',
): Promise<unknown> =>
  eventually(
    `${host}:${port} says ${wanted}`,
    async () => (await from.ask(protocol, host, port)) === wanted,
  )

describe('the address that a backend sees', () => {
  it('is that of the pod that came', async () => {
    put({}, [a])
    await says(client, 'a 10.244.1.4', '10.96.0.20', 80)
  })

  it('is the own address of the node when it came to itself through a Service', async () => {
    put({}, [a])
    await says(podA, 'a 10.244.1.1', '10.96.0.20', 80)
  })

  it('is one of the node for who comes to a cluster IP from outside of the cluster', async () => {
    put({}, [a])
    await says(network.outside, 'a 10.244.1.1', '10.96.0.20', 80)
  })

  it('is one of the node for who comes by a node port', async () => {
    put({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_081 }] }, [a])
    await says(network.outside, 'a 10.244.1.1', '192.168.50.1', 30_081)
  })

  it('is that of the client by externalTrafficPolicy Local', async () => {
    const ports = [{ port: 80, nodePort: 30_082 }]
    put({ type: 'NodePort', externalTrafficPolicy: 'Local', ports }, [a, c])
    await says(network.outside, 'a 192.168.50.2', '192.168.50.1', 30_082)
    // Inside of the cluster the policy does not count, for the node itself neither.
    await says(client, 'c 10.244.1.4', '192.168.50.1', 30_082)
    await says(network.node, 'c 192.168.50.1', '192.168.50.1', 30_082)
  })
})

describe('a Service without anybody who answers', () => {
  it('is refused at once to pods and to the node', async () => {
    put({}, [])
    await says(client, 'ECONNREFUSED', '10.96.0.20', 80)
    await says(network.node, 'ECONNREFUSED', '10.96.0.20', 80)
  })

  it('is refused at a port that it does not have', async () => {
    put({}, [a])
    await says(client, 'a 10.244.1.4', '10.96.0.20', 80)
    expect(await client.ask('tcp', '10.96.0.20', 443)).toBe('ECONNREFUSED')
    expect(await network.node.ask('tcp', '10.96.0.20', 443)).toBe('ECONNREFUSED')
  })

  it('is silent by a policy of Local where others have somebody', async () => {
    const ports = [{ port: 80, nodePort: 30_083 }]
    put(
      {
        type: 'NodePort',
        internalTrafficPolicy: 'Local',
        externalTrafficPolicy: 'Local',
        ports,
      },
      [c],
    )
    await says(client, 'timeout', '10.96.0.20', 80)
    await says(network.outside, 'timeout', '192.168.50.1', 30_083)
  })

  it('is refused at its node port where nobody has somebody', async () => {
    put({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_084 }] }, [])
    await says(network.outside, 'ECONNREFUSED', '192.168.50.1', 30_084)
  })
})

describe('an address from outside of the cluster', () => {
  it('leads to backends when it is an external IP', async () => {
    put({ externalIPs: ['203.0.113.9'] }, [a])
    await says(network.outside, 'a 10.244.1.1', '203.0.113.9', 80)
    await says(client, 'a 10.244.1.1', '203.0.113.9', 80)
  })

  it('leads to backends when it is a balancer that leaves it on the packet, else not', async () => {
    put({ type: 'LoadBalancer' }, [a], {
      ingress: [{ ip: '203.0.113.10' }, { ip: '203.0.113.11', ipMode: 'Proxy' }],
    })
    await says(network.outside, 'a 10.244.1.1', '203.0.113.10', 80)
    expect(await network.outside.ask('tcp', '203.0.113.11', 80)).not.toMatch(/^a/)
  })

  it('takes those alone whom loadBalancerSourceRanges name', async () => {
    const ingress = [{ ip: '203.0.113.12' }]
    put(
      { type: 'LoadBalancer', loadBalancerSourceRanges: ['192.168.50.2/32', '192.168.50.0/31'] },
      [a],
      {
        ingress,
      },
    )
    await says(network.outside, 'a 10.244.1.1', '203.0.113.12', 80)
    expect(await client.ask('tcp', '203.0.113.12', 80)).toBe('timeout')
    put({ type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8'] }, [a], { ingress })
    await says(network.outside, 'timeout', '203.0.113.12', 80)
  })
})

describe('a flow of UDP', () => {
  const from = { localPort: 5555 }
  const ask = (): Promise<string> => client.ask('udp', '10.96.0.20', 80, from)

  it('goes on to another backend when its own is gone', async () => {
    put({}, [a], { protocol: 'UDP' })
    await eventually('a answers', async () => (await ask()).startsWith('a'))
    put({}, [b], { protocol: 'UDP' })
    await eventually('b answers', async () => (await ask()).startsWith('b'))
    const deleted = /kubeproxy_conntrack_reconciler_deleted_entries_total [1-9]/
    await eventually('it is counted', async () => deleted.test(await metrics.text()))
  })

  it('is refused while there is nobody, and goes on when there is somebody', async () => {
    put({}, [], { protocol: 'UDP' })
    await eventually('it is refused', async () => (await ask()) === 'ECONNREFUSED')
    put({}, [b], { protocol: 'UDP' })
    await eventually('b answers', async () => (await ask()).startsWith('b'))
  })
})

describe('a Service of IPv6', () => {
  it('has what one of IPv4 has', async () => {
    const service = serviceOf('six', { clusterIP: 'fd96::10', ports: [{ port: 80 }] })
    const slice = sliceOf('six', [endpointOf('fd44::2'), endpointOf('fd44::3')], {
      addressType: 'IPv6',
      ports: [{ port: 8081 }],
    })
    api.put('services', service)
    api.put('endpointslices', slice)
    await says(client, 'a fd44::4', 'fd96::10', 80)
    await says(client, 'b fd44::4', 'fd96::10', 80)
    await says(network.node, 'b fd44::1', 'fd96::10', 80)
    await says(client, 'ECONNREFUSED', 'fd96::10', 81)
    api.delete('services', service)
    api.delete('endpointslices', slice)
  })
})

describe('affinity', () => {
  it('lasts for the time that the Service says', async () => {
    const clientIP = { timeoutSeconds: 1234 }
    put({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP } }, [a, b])
    await eventually('somebody answers', async () =>
      /^[ab] /.test(await client.ask('tcp', '10.96.0.20', 80)),
    )
    expect(nft('list', 'table', 'ip', 'raftsman-proxy')).toMatch(
      /timeout 20m34s[\s\S]*10\.244\.1\.4 expires 20m/,
    )
  })
})

describe('rules that somebody else was at', () => {
  const damages = [
    ['the whole table', ['delete', 'table', 'ip', 'raftsman-proxy']],
    ['all rules of a hook', ['flush', 'chain', 'ip', 'raftsman-proxy', 'nat-prerouting']],
    ['all elements', ['flush', 'map', 'ip', 'raftsman-proxy', 'service-ips']],
    [
      'nothing, but another rule is there',
      ['insert', 'rule', 'ip', 'raftsman-proxy', 'nat-prerouting', 'accept'],
    ],
  ] as const
  it.each(damages)('are mended where what is gone is %s', async (_what, command) => {
    put({}, [a])
    await says(client, 'a 10.244.1.4', '10.96.0.20', 80)
    nft(...command)
    expect(await client.ask('tcp', '10.96.0.20', 80)).not.toMatch(/^a/)
    await says(client, 'a 10.244.1.4', '10.96.0.20', 80)
  })
})

describe('a proxy that starts', () => {
  it('takes over what another one has left', async () => {
    put({}, [a])
    await says(client, 'a 10.244.1.4', '10.96.0.20', 80)
    await proxy.stop()
    // What stood in the kernel works on without us.
    expect(await client.ask('tcp', '10.96.0.20', 80)).toBe('a 10.244.1.4')
    proxy = await newProxy()
    proxy.start()
    await eventually('nothing of the old service is left', async () => {
      const said = await client.ask('tcp', '10.96.0.20', 80)
      return !said.startsWith('a')
    })
  })
})
