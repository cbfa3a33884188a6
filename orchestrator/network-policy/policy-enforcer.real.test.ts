import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeRandom } from '../../platform/node/random.js'
import type { Pod } from '../api/types/core-pod.js'
import type { NetworkPolicy } from '../api/types/networking-policy.js'
import { namespaces, networkPolicies, pods } from '../client/resources.js'
import {
  eventually,
  Namespace,
  NodeNetwork,
  systemPath,
} from '../nftables/testing/network-namespaces.js'
import { ScriptedApi } from '../proxy/testing/scripted-api.js'
import { KernelTable } from '../nftables/nft.js'
import { PolicyEnforcer } from './policy-enforcer.js'
import { policyTable } from './policy-table.js'
import { someWorld } from './testing/some-worlds.js'

let network: NodeNetwork
let api: ScriptedApi
let enforcer: PolicyEnforcer
let web: Namespace
let friend: Namespace
let stranger: Namespace

function putPod(name: string, addresses: readonly string[], node = 'node-1'): void {
  const containers = [{ name: 'c', ports: [{ name: 'http', containerPort: 80 }] }]
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { nodeName: node, containers },
    status: { phase: 'Running', podIPs: addresses.map(ip => ({ ip })) },
  }
  api.put('pods', pod)
}

const policyOf = (name: string, spec: NonNullable<NetworkPolicy['spec']>): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: 'default' },
  spec,
})

beforeAll(async () => {
  network = new NodeNetwork()
  web = network.pod(2)
  friend = network.pod(3)
  stranger = network.pod(4)
  for (const port of [80, 81, 85]) await web.listen('tcp', port, 'web')
  await web.listen('udp', 80, 'web')
  await web.listen('tcp', 8080, 'web', 'fd44::2')
  await network.outside.listen('tcp', 80, 'outside')
  await friend.listen('tcp', 80, 'friend')
  api = new ScriptedApi()
  const [podInformer, namespaceInformer] = [
    await api.informer(pods),
    await api.informer(namespaces),
  ]
  enforcer = new PolicyEnforcer({
    nodeName: 'node-1',
    policies: await api.informer(networkPolicies),
    pods: () => podInformer,
    namespaces: () => namespaceInformer,
    families: ['IPv4', 'IPv6'],
    clock: nodeClock(),
    random: nodeRandom(),
    processes: network.node.processes,
    logger: silentLogger,
    searchPath: systemPath,
    auditMs: 200,
  })
  enforcer.start()
  putPod('web', ['10.244.1.2', 'fd44::2'])
  putPod('friend', ['10.244.1.3', 'fd44::3'])
  putPod('stranger', ['10.244.1.4', 'fd44::4'])
})

afterAll(async () => {
  await enforcer.stop()
  api.close()
  network.remove()
})

const toWeb = async (from: Namespace, port = 80): Promise<boolean> =>
  (await from.ask('tcp', '10.244.1.2', port)).startsWith('web')

/** With these policies, until they are taken away. */
async function under(policies: readonly NetworkPolicy[], work: () => Promise<void>): Promise<void> {
  for (const policy of policies) api.put('networkpolicies', policy)
  await work()
  for (const policy of policies) api.delete('networkpolicies', policy)
  await eventually('all is open again', () => toWeb(stranger))
}

const podSelector = { matchLabels: { app: 'web' } }

describe('policies in the kernel', () => {
  it('keep everybody out by default deny, but not the node, the pod itself, and who is inside already', () =>
    under([policyOf('deny', { podSelector, policyTypes: ['Ingress'] })], async () => {
      await eventually('the stranger is kept out', async () => !(await toWeb(stranger)))
      expect(await toWeb(network.outside)).toBe(false)
      expect(await stranger.ask('udp', '10.244.1.2', 80)).toBe('timeout')
      expect(await stranger.ask('tcp', 'fd44::2', 8080)).toBe('timeout')
      expect(await toWeb(network.node)).toBe(true)
      expect(await toWeb(web)).toBe(true)
      // Out it may go, and answers come back in.
      expect(await web.ask('tcp', '10.244.1.3', 80)).toBe('friend 10.244.1.2')
    }))

  it('leave a connection that stands', async () => {
    const say = await stranger.hold('10.244.1.2', 80)
    await under([policyOf('deny', { podSelector, policyTypes: ['Ingress'] })], async () => {
      await eventually('the stranger is kept out', async () => !(await toWeb(stranger)))
      expect(await say('still here')).toBe('web still here')
    })
  })

  it('let in pods by their labels, to the ports that are named', () =>
    under(
      [
        policyOf('friends', {
          podSelector,
          policyTypes: ['Ingress'],
          ingress: [
            {
              from: [{ podSelector: { matchLabels: { app: 'friend' } } }],
              ports: [{ port: 'http' }, { port: 84, endPort: 86 }],
            },
          ],
        }),
      ],
      async () => {
        await eventually('the stranger is kept out', async () => !(await toWeb(stranger)))
        const said = [await toWeb(friend), await toWeb(friend, 85), await toWeb(friend, 81)]
        expect(said).toEqual([true, true, false])
      },
    ))

  it('let in a network without a part of it', () =>
    under(
      [
        policyOf('block', {
          podSelector,
          policyTypes: ['Ingress'],
          ingress: [{ from: [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.4/32'] } }] }],
        }),
      ],
      async () => {
        await eventually('the stranger is kept out', async () => !(await toWeb(stranger)))
        expect(await toWeb(friend)).toBe(true)
        expect(await toWeb(network.outside)).toBe(false)
      },
    ))

  it('hold back who goes out', () =>
    under(
      [
        policyOf('out', {
          podSelector,
          policyTypes: ['Egress'],
          egress: [{ to: [{ podSelector: { matchLabels: { app: 'friend' } } }] }],
        }),
      ],
      async () => {
        const outside = () => web.ask('tcp', '192.168.50.2', 80)
        await eventually('the way out is closed', async () => (await outside()) === 'timeout')
        expect(await web.ask('tcp', '10.244.1.3', 80)).toBe('friend 10.244.1.2')
        expect(await toWeb(stranger)).toBe(true)
      },
    ))

  it('follow pods that come, and stand again when somebody took them away', () =>
    under(
      [
        policyOf('late', {
          podSelector,
          policyTypes: ['Ingress'],
          ingress: [{ from: [{ podSelector: { matchLabels: { app: 'late' } } }] }],
        }),
      ],
      async () => {
        await eventually('the stranger is kept out', async () => !(await toWeb(stranger)))
        putPod('late', ['192.168.50.2'], 'node-2')
        await eventually('the late one is let in', () => toWeb(network.outside))
        network.node.exec('nft', 'delete', 'table', 'ip', 'raftsman-network-policy')
        await eventually('the stranger is kept out again', async () => !(await toWeb(stranger)))
      },
    ))
})

describe('whatever policies there are', () => {
  it('the kernel takes their tables, and every step from one to another', async () => {
    const other = new Namespace('tables')
    const { processes } = other
    const kernel = new KernelTable({ processes, clock: nodeClock(), searchPath: systemPath })
    for (const world of fc.sample(someWorld, 40)) await kernel.apply(policyTable('IPv4', world))
    // What is listed is what was sent: the audit finds nothing.
    expect(await kernel.audit()).toBeNull()
    other.remove()
  })
})
