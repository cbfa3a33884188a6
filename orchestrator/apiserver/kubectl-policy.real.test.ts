import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './testing/api-client.js'
import { kubectlBinaries, kubectlWith } from './testing/kubectl.js'
import type { Kubectl } from './testing/kubectl.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

const podYaml = (name: string, more = '') => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: web}}
spec:
  ${more}
  containers: [{name: app, image: nginx, resources: {requests: {cpu: 500m}}}]
`

describe.each(kubectlBinaries(['1.27', '1.33']))('policies with kubectl %s', (_, binary) => {
  let server: TestApiserver
  let kubectl: Kubectl
  let client: ApiClient

  beforeAll(async () => {
    server = await startTestApiserver()
    kubectl = kubectlWith(binary, server.kubeconfig)
    client = new ApiClient(server.url, server.admin.caFile, server.admin)
  })

  afterAll(async () => {
    client.close()
    await server.close()
  })

  test('a quota counts what is there, refuses what is too much, and gives back what goes', async () => {
    await kubectl.ok('create', 'ns', 'q')
    await kubectl.ok('apply', '-n', 'q', '-f', kubectl.file('p0.yaml', podYaml('p0')))
    const created = await kubectl.ok(
      'create',
      'quota',
      'few',
      '--hard=pods=2,requests.cpu=1',
      '-n',
      'q',
    )
    expect(created).toBe('resourcequota/few created\n')
    expect(await kubectl.ok('get', 'quota', 'few', '-n', 'q')).toMatch(
      /^NAME +AGE +REQUEST +LIMIT *\nfew +\d+s +pods: 1\/2, requests.cpu: 500m\/1 *\n$/,
    )
    await kubectl.ok('apply', '-n', 'q', '-f', kubectl.file('p1.yaml', podYaml('p1')))
    const third = kubectl.file('p2.yaml', podYaml('p2'))
    expect((await kubectl.run('create', '-n', 'q', '-f', third)).stderr).toContain(
      'pods "p2" is forbidden: exceeded quota: few, requested: pods=1,requests.cpu=500m, used: pods=2,requests.cpu=1, limited: pods=2,requests.cpu=1',
    )
    expect(await kubectl.ok('describe', 'ns', 'q')).toMatch(/requests\.cpu +1 +1\n/)
    await kubectl.ok('delete', 'pod', 'p1', '-n', 'q')
    expect(await kubectl.ok('describe', 'quota', 'few', '-n', 'q')).toMatch(/pods +1 +2\n/)
    await kubectl.ok('create', '-n', 'q', '-f', third)
    const silent = await kubectl.run('run', 'silent', '--image=nginx', '-n', 'q')
    expect(silent.stderr).toContain('failed quota: few: must specify requests.cpu for: silent')
  })

  test('creates at once cannot overshoot a quota', async () => {
    await kubectl.ok('create', 'ns', 'race')
    await kubectl.ok('create', 'quota', 'maps', '--hard=count/configmaps=5', '-n', 'race')
    const maps = '/api/v1/namespaces/race/configmaps'
    const answers = await Promise.all(
      Array.from({ length: 20 }, (__, index) =>
        client.request('POST', maps, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `m${index}` },
        }),
      ),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(5)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 403]))
    const used = 'jsonpath={.status.used.count/configmaps}'
    expect(await kubectl.ok('get', 'quota', 'maps', '-n', 'race', '-o', used)).toBe('5')
  })

  test('autoscales, and shows both versions', async () => {
    await kubectl.ok('create', 'deploy', 'web', '--image=nginx')
    expect(await kubectl.ok('autoscale', 'deploy', 'web', '--max=5', '--cpu-percent=50')).toBe(
      'horizontalpodautoscaler.autoscaling/web autoscaled\n',
    )
    expect(await kubectl.ok('get', 'hpa', 'web')).toMatch(
      /web +Deployment\/web +cpu: <unknown>\/50% +1 +5 +0 +\d+s/,
    )
    const v1 = await kubectl.ok(
      'get',
      'horizontalpodautoscalers.v1.autoscaling',
      'web',
      '-o',
      'yaml',
    )
    expect(v1).toContain('targetCPUUtilizationPercentage: 50')
    const v2 = await kubectl.ok(
      'get',
      'horizontalpodautoscalers.v2.autoscaling',
      'web',
      '-o',
      'yaml',
    )
    expect(v2).toContain('averageUtilization: 50')
    const patch = '{"spec":{"maxReplicas":7}}'
    await kubectl.ok(
      'patch',
      'horizontalpodautoscalers.v1.autoscaling',
      'web',
      '--type=merge',
      '-p',
      patch,
    )
    expect(await kubectl.ok('get', 'hpa', 'web', '-o', 'jsonpath={.spec.maxReplicas}')).toBe('7')
  })

  test('priorities, limits, levels and budgets are made and shown', async () => {
    expect(await kubectl.ok('create', 'priorityclass', 'high', '--value=1000')).toBe(
      'priorityclass.scheduling.k8s.io/high created\n',
    )
    expect(await kubectl.ok('get', 'pc')).toMatch(/system-node-critical +2000001000 +false/)
    expect(await kubectl.ok('create', 'pdb', 'b', '--selector=app=web', '--min-available=1')).toBe(
      'poddisruptionbudget.policy/b created\n',
    )
    expect(await kubectl.ok('get', 'pdb', 'b')).toMatch(/b +1 +N\/A +0 +\d+s/)
    const ghost = kubectl.file('ghost.yaml', podYaml('ghost', 'priorityClassName: ghost'))
    expect((await kubectl.run('create', '-f', ghost)).stderr).toContain(
      'pods "ghost" is forbidden: no PriorityClass with name ghost was found',
    )
    await kubectl.ok('create', 'ns', 'safe')
    await kubectl.ok('label', 'ns', 'safe', 'pod-security.kubernetes.io/enforce=restricted')
    const refused = await kubectl.run('run', 'plain', '--image=nginx', '-n', 'safe')
    expect(refused.stderr).toContain('violates PodSecurity "restricted:latest"')
    const statuses = await kubectl.run('get', 'cs')
    expect(statuses.stdout).toMatch(/etcd-0 +Healthy +ok/)
    expect(statuses.stderr).toContain('Warning: v1 ComponentStatus is deprecated in v1.19+')
  })

  test('drain keeps to a budget', async () => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } }
    await client.request('POST', '/api/v1/nodes', node)
    const pod = kubectl.file('web.yaml', podYaml('web', 'nodeName: n1'))
    await kubectl.ok('create', '-f', pod)
    const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets/b/status'
    const running = {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    }
    const merge = { 'content-type': 'application/merge-patch+json' }
    await client.request('PATCH', '/api/v1/namespaces/default/pods/web/status', running, merge)
    const allow = (disruptionsAllowed: number) =>
      client.request(
        'PATCH',
        budgets,
        {
          status: {
            observedGeneration: 1,
            disruptionsAllowed,
            currentHealthy: 1,
            desiredHealthy: 1,
            expectedPods: 1,
          },
        },
        merge,
      )
    await allow(0)
    const stuck = await kubectl.run('drain', 'n1', '--force', '--timeout=2s')
    expect(stuck.stderr).toContain(
      "Cannot evict pod as it would violate the pod's disruption budget.",
    )
    await allow(1)
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web' } }
    const evicted = await client.request(
      'POST',
      '/api/v1/namespaces/default/pods/web/eviction',
      eviction,
    )
    expect(evicted.status).toBe(201)
    const disrupted = await kubectl.ok('get', 'pdb', 'b', '-o', 'jsonpath={.status.disruptedPods}')
    expect(disrupted).toMatch(/^\{"web":"\d{4}-/)
    expect(await kubectl.ok('get', 'pdb', 'b')).toMatch(/b +1 +N\/A +0 /)
  })
})
