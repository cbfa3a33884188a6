// Routes between network namespaces that are nodes: pods of one reach those of another once they are there.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { Namespace, run } from '../../../nftables/testing/network-namespaces.js'
import { parseLocalConfig, type LocalCloudConfig } from './local-config.js'
import { LocalRoutes } from './local-routes.js'

/** What is between the machines. */
let lan: Namespace
let machines: readonly Namespace[] = []
let config: LocalCloudConfig

const ip = (args: readonly string[]): Promise<string> =>
  Promise.resolve().then(() => run('ip', args))

beforeEach(() => {
  lan = new Namespace('lan')
  lan.ip('link add lan type bridge', 'link set lan up')
  machines = [1, 2, 3].map(at => {
    const machine = new Namespace(`machine-${at}`)
    lan.ip(
      `link add to-${at} type veth peer name eth0 netns ${machine.name}`,
      `link set to-${at} master lan up`,
    )
    machine.ip(
      `addr add 192.168.60.${at}/24 dev eth0`,
      'link set eth0 up',
      // A pod, as far as routes are concerned.
      `addr add 10.244.${at}.5/32 dev lo`,
    )
    return machine
  })
  config = parseLocalConfig(
    JSON.stringify({
      routes: true,
      instances: machines.map(({ name }, at) => ({
        name: `n${at + 1}`,
        addresses: [`192.168.60.${at + 1}`],
        networkNamespace: name,
      })),
    }),
  )
})

afterEach(() => {
  for (const namespace of [...machines, lan]) namespace.remove()
})

const routeTo = (at: number) => ({ nodeName: `n${at}`, podCidr: `10.244.${at}.0/24` })

test('Cloud controllers, route: pods reach one another over routes that are really installed', async () => {
  const routes = new LocalRoutes(() => Promise.resolve(config), ip)
  const [first, second] = machines
  await second?.listen('tcp', 80, 'second', '10.244.2.5')
  const ask = () => first?.ask('tcp', '10.244.2.5', 80, { localAddress: '10.244.1.5' })
  expect(await ask()).toBe('ENETUNREACH')
  for (const at of [1, 2, 3]) await routes.create(routeTo(at))
  expect(await ask()).toBe('second 10.244.1.5')
  expect(await routes.list()).toEqual(expect.arrayContaining([1, 2, 3].map(routeTo)))
  // Again changes nothing, and what is there in part is not there.
  await routes.create(routeTo(2))
  run('ip', ['-n', machines[2]?.name ?? '', 'route', 'del', '10.244.2.0/24'])
  expect((await routes.list()).map(({ nodeName }) => nodeName).sort()).toEqual(['n1', 'n3'])
  await routes.delete(routeTo(2))
  expect(await ask()).toBe('ENETUNREACH')
  await routes.delete(routeTo(2))
  // Routes of others are none of ours.
  run('ip', ['-n', first?.name ?? '', 'route', 'add', '10.99.0.0/24', 'via', '192.168.60.2'])
  expect((await routes.list()).map(({ podCidr }) => podCidr)).not.toContain('10.99.0.0/24')
})
