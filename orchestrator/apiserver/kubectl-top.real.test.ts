// What nodes and pods use, as the unmodified kubectl shows it, of a real node and real processes.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import { startClusterWithNode } from './testing/running-node.js'
import type { SmallCluster } from './testing/small-cluster.js'

const all = kubectlBinaries(['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33'])
const binaries = [...new Map([all[0], all.at(-1)].filter(found => found !== undefined))]

const container = (name: string, script: string) => ({
  name,
  image: 'host',
  command: ['node', '-e', script],
})

/** One that turns a processor over, and one that holds memory and waits. */
const manifest = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'mixed', labels: { app: 'mixed' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          container('busy', 'for (;;) {}'),
          container(
            'large',
            'global.kept = Buffer.alloc(200 << 20, 1); setInterval(() => {}, 1e6)',
          ),
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'idle' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [container('idle', 'setInterval(() => {}, 1e6)')],
      },
    },
  ],
}

let cluster: SmallCluster

beforeAll(async () => {
  cluster = await startClusterWithNode('node-1')
  const [, binary = ''] = all.at(-1) ?? []
  const kubectl = kubectlWith(binary, cluster.server.kubeconfig)
  await kubectl.ok('apply', '-f', kubectl.file('pods.json', JSON.stringify(manifest)))
  await kubectl.ok('wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s')
})

afterAll(() => cluster.close())

const rows = (text: string) =>
  text
    .trim()
    .split('\n')
    .map(line => line.trim().split(/ +/))

describe.each(binaries)('kubectl top %s', (_, binary) => {
  const kubectl = () => kubectlWith(binary, cluster.server.kubeconfig)

  test('pods, and their containers, by what they use', async () => {
    // The first to ask waits for two looks, and processes need a while to take their memory.
    const told = async () => rows(await kubectl().ok('top', 'pods', '--containers', '--no-headers'))
    let found = await told()
    const large = () => found.find(([, name]) => name === 'large')?.[3]
    while (Number.parseInt(large() ?? '0', 10) < 200) found = await told()
    expect(found.map(([pod, name]) => `${pod ?? ''}/${name ?? ''}`)).toEqual([
      'idle/idle',
      'mixed/busy',
      'mixed/large',
    ])
    const milli = (name: string) =>
      Number.parseInt(found.find(row => row[1] === name)?.[2] ?? '', 10)
    expect(milli('busy')).toBeGreaterThan(50)
    expect(milli('busy')).toBeGreaterThan(milli('idle'))
    expect(
      rows(await kubectl().ok('top', 'pods', '--sort-by=memory')).map(([name]) => name),
    ).toEqual(['NAME', 'mixed', 'idle'])
    expect(await kubectl().ok('top', 'pod', '-l', 'app=mixed', '--no-headers')).toMatch(
      /^mixed +\d+m +\d+Mi *\n$/,
    )
    const none = await kubectl().run('top', 'pod', 'none')
    expect(none.stderr).toContain('pods "none" not found')
  })

  test('nodes, and their part of what they have', async () => {
    const [heads = [], node = []] = rows(await kubectl().ok('top', 'nodes'))
    expect(heads.slice(0, 2)).toEqual(['NAME', 'CPU(cores)'])
    expect(node.join(' ')).toMatch(/^node-1 \d+m \d+% \d+Mi \d+%$/)
    expect(Number.parseInt(node[3] ?? '', 10)).toBeGreaterThan(200)
    const listed = await kubectl().ok('get', 'apiservice', 'v1beta1.metrics.k8s.io')
    expect(listed).toMatch(/\nv1beta1\.metrics\.k8s\.io +Local +True +/)
    // Both are kinds of their own, and nobody else's names change.
    expect(await kubectl().ok('get', 'nodes', '-o', 'name')).toBe('node/node-1\n')
    expect(await kubectl().ok('get', 'nodes.metrics.k8s.io', '-o', 'name')).toBe(
      'nodemetrics.metrics.k8s.io/node-1\n',
    )
  })
})
