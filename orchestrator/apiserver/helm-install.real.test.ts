// A chart through its life: installed with hooks, upgraded in two ways, rolled back, removed; with the client library
// in helm's place, and with helm itself where there is one. The cluster has a node that really runs the processes.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import * as k8s from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chartFolder, defaultValues } from './testing/chart.js'
import type { Values } from './testing/chart.js'
import { Releases } from './testing/release.js'
import { startClusterWithNode } from './testing/running-node.js'
import type { SmallCluster } from './testing/small-cluster.js'

interface Installer {
  install(name: string, values: Values): Promise<void>
  upgrade(name: string, values: Values, how: 'apply' | 'patch'): Promise<void>
  rollback(name: string, version: number): Promise<void>
  uninstall(name: string): Promise<void>
  history(name: string): Promise<readonly string[]>
}

const helm = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map(folder => join(folder, 'helm'))
  .find(path => existsSync(path))

/** The same, as people do it. Its versions before 4 know no server-side apply. */
function helmAt(binary: string, kubeconfig: string, namespace: string, chart: string): Installer {
  const run = async (...words: readonly string[]) => {
    const common = ['--kubeconfig', kubeconfig, '--namespace', namespace]
    return (await promisify(execFile)(binary, [...words, ...common])).stdout
  }
  const set = (values: Values) =>
    Object.entries(values).flatMap(([name, value]) => ['--set-string', `${name}=${value}`])
  return {
    async install(name, values) {
      await run('install', name, chart, '--create-namespace', '--wait', ...set(values))
    },
    async upgrade(name, values) {
      await run('upgrade', name, chart, '--wait', ...set(values))
    },
    async rollback(name, version) {
      await run('rollback', name, String(version), '--wait')
    },
    async uninstall(name) {
      await run('uninstall', name, '--wait')
    },
    async history(name) {
      const list = JSON.parse(await run('history', name, '-o', 'json')) as {
        revision: number
        status: string
      }[]
      return list.map(({ revision, status }) => `${revision} ${status}`)
    },
  }
}

let cluster: SmallCluster
let config: k8s.KubeConfig
let chart: ReturnType<typeof chartFolder>

beforeAll(async () => {
  cluster = await startClusterWithNode('n1')
  chart = chartFolder()
  config = new k8s.KubeConfig()
  config.loadFromFile(cluster.server.kubeconfig)
})

afterAll(async () => {
  chart?.remove()
  await cluster?.close()
})

const installers: Readonly<Record<string, (namespace: string) => Installer>> = {
  'the client library': namespace => new Releases(config, namespace),
  ...(helm === undefined
    ? {}
    : {
        helm: (namespace: string) => helmAt(helm, cluster.server.kubeconfig, namespace, chart.path),
      }),
}

describe.each(Object.keys(installers))('%s', who => {
  const namespace = who.replaceAll(' ', '-')
  let installer: Installer
  let core: k8s.CoreV1Api
  let jobs: string[]
  let informer: k8s.Informer<k8s.V1Job>

  beforeAll(async () => {
    installer = installers[who]?.(namespace) as Installer
    core = config.makeApiClient(k8s.CoreV1Api)
    const batch = config.makeApiClient(k8s.BatchV1Api)
    jobs = []
    informer = k8s.makeInformer(config, `/apis/batch/v1/namespaces/${namespace}/jobs`, () =>
      batch.listNamespacedJob({ namespace }),
    )
    informer.on(k8s.ADD, ({ metadata }) => jobs.push(`+${metadata?.name}`))
    informer.on(k8s.UPDATE, ({ metadata, status }) => {
      if (status?.conditions?.some(({ type }) => type === 'Complete'))
        jobs.push(`=${metadata?.name}`)
    })
    informer.on(k8s.DELETE, ({ metadata }) => jobs.push(`-${metadata?.name}`))
    await informer.start()
  })

  afterAll(async () => {
    await informer.stop()
  })

  /** What the web server says: all of the chart is behind it. */
  const greeting = async () => {
    const { items } = await core.listNamespacedPod({ namespace, labelSelector: 'app=shop' })
    const running = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
    const answers = running.map(async ({ status }) => {
      const answer = await fetch(`http://${status?.podIP}:8080/`)
      return await answer.text()
    })
    return await Promise.all(answers)
  }
  const deployment = () =>
    config.makeApiClient(k8s.AppsV1Api).readNamespacedDeployment({ namespace, name: 'shop' })

  test('installs: hooks by weight, then everything, then waits until it is there', async () => {
    await installer.install('shop', defaultValues)
    expect(await installer.history('shop')).toEqual(['1 deployed'])
    expect(await greeting()).toEqual(['hello'])
    await expect.poll(() => jobs.at(-1)).toBe('=shop-after')
    const early = ['+shop-early', '=shop-early', '-shop-early']
    expect(jobs).toEqual([...early, '+shop-late', '=shop-late', '+shop-after', '=shop-after'])
    const account = `system:serviceaccount:${namespace}:shop`
    const review = await config.makeApiClient(k8s.AuthorizationV1Api).createSubjectAccessReview({
      body: {
        spec: {
          user: account,
          resourceAttributes: { namespace, verb: 'get', resource: 'configmaps' },
        },
      },
    })
    expect(review.status?.allowed).toBe(true)
    const offer = await config.makeApiClient(k8s.CustomObjectsApi).getNamespacedCustomObject({
      group: 'shop.example.com',
      version: 'v1',
      plural: 'offers',
      namespace,
      name: 'shop',
    })
    expect(offer).toMatchObject({ spec: { text: 'hello' } })
    const slices = config.makeApiClient(k8s.DiscoveryV1Api)
    const { items } = await slices.listNamespacedEndpointSlice({ namespace })
    expect(items.flatMap(({ endpoints }) => endpoints)).toHaveLength(1)
  })

  test('upgrades by a patch, and leaves alone what others have changed since', async () => {
    await config
      .makeApiClient(k8s.AppsV1Api)
      .patchNamespacedDeployment(
        { namespace, name: 'shop', body: { metadata: { labels: { tier: 'front' } } } },
        k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.StrategicMergePatch),
      )
    const values = { ...defaultValues, greeting: 'welcome', extra: '{season: winter}' }
    await installer.upgrade('shop', values, 'patch')
    expect(await installer.history('shop')).toEqual(['1 superseded', '2 deployed'])
    expect(await greeting()).toEqual(['welcome'])
    expect((await deployment()).metadata?.labels).toMatchObject({ tier: 'front', season: 'winter' })
    // A hook that stays is made anew for the next time.
    await expect.poll(() => jobs.slice(-3)).toEqual(['-shop-after', '+shop-after', '=shop-after'])
  })

  test('upgrades by server-side apply', async () => {
    const values = {
      ...defaultValues,
      greeting: 'servus',
      replicas: '2',
      extra: '{season: spring}',
    }
    await installer.upgrade('shop', values, 'apply')
    expect(await greeting()).toEqual(['servus', 'servus'])
    const { metadata } = await deployment()
    expect(metadata?.labels).toMatchObject({ season: 'spring', tier: 'front' })
  })

  test('rolls back to the first', async () => {
    await installer.rollback('shop', 1)
    expect((await installer.history('shop')).slice(-2)).toEqual(['3 superseded', '4 deployed'])
    expect(await greeting()).toEqual(['hello'])
    expect((await deployment()).metadata?.labels).not.toHaveProperty('season')
  })

  test('an installation whose hook fails is failed, with nothing behind the hook', async () => {
    const values = { ...defaultValues, preparation: 'exit 3' }
    await expect(installer.install('broken', values)).rejects.toThrow('failed')
    expect(await installer.history('broken')).toEqual(['1 failed'])
    const { items } = await core.listNamespacedConfigMap({ namespace })
    expect(items.map(({ metadata }) => metadata?.name)).not.toContain('broken')
    const { items: left } = await core.listNamespacedPod({
      namespace,
      labelSelector: 'batch.kubernetes.io/job-name=broken-early',
    })
    expect(left.map(({ status }) => status?.phase)).toEqual(['Failed'])
  })

  test('uninstalls: pods go with their owners, definitions and hooks stay', async () => {
    await installer.uninstall('shop')
    const selector = { namespace, labelSelector: 'app=shop' }
    const pods = async () => (await core.listNamespacedPod(selector)).items.length
    await expect.poll(pods, { timeout: 20_000 }).toBe(0)
    const { items } = await core.listNamespacedSecret({ namespace })
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(['sh.helm.release.v1.broken.v1'])
    const definitions = config.makeApiClient(k8s.ApiextensionsV1Api)
    await definitions.readCustomResourceDefinition({ name: 'offers.shop.example.com' })
    await core.deleteNamespace({ name: namespace })
    const gone = async () =>
      (await core.listNamespace()).items.every(({ metadata }) => metadata?.name !== namespace)
    await expect.poll(gone, { timeout: 20_000 }).toBe(true)
  })
})
