import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../platform/logger.js'
import { nodeClock } from '../platform/node/clock.js'
import { nodeLogger } from '../platform/node/logger.js'
import { nodeMetrics } from '../platform/node/metrics.js'
import { nodeFiles } from '../platform/node/node-files.js'
import { nodeProcesses } from '../platform/node/processes.js'
import { nodeRandom } from '../platform/node/random.js'
import type { JsonObject } from './api/object.js'
import type { ContainerStatus } from './api/types/core-pod-status.js'
import type { Pod } from './api/types/core-pod.js'
import { startTestApiserver, type TestApiserver } from './apiserver/testing/start-apiserver.js'
import { isNotFound } from './client/api-error.js'
import { HttpTransport } from './client/http-transport.js'
import {
  configMaps,
  endpointSlices,
  events,
  leases,
  nodes,
  pods,
  secrets,
  services,
} from './client/resources.js'
import { ApiClient } from './client/rest-client.js'
import { reapPods } from './kubelet/runtimes/process/reap.js'
import { parseStarted, type StartedNote } from './kubelet/runtimes/process/supervisor.js'
import { type NodeOptions, type RunningNode, startNode } from './node.js'

const nodeName = 'node-1'
let apiserver: TestApiserver
let client: ApiClient
let nodeClient: ApiClient
const transports: HttpTransport[] = []
let directory = ''
let running: RunningNode | null = null

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Waits for what must come; the limit only ends a test that would hang. */
async function eventually<T>(
  what: string,
  probe: () => T | null | undefined | false | Promise<T | null | undefined | false>,
): Promise<T> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const value = await probe()
    if (value !== null && value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`it did not happen within 30 s: ${what}`)
    await pause(20)
  }
}

function clientOf(files: { certFile: string; keyFile: string; caFile: string }): ApiClient {
  const transport = new HttpTransport({
    servers: [apiserver.url],
    tls: {
      ca: readFileSync(files.caFile, 'utf8'),
      cert: readFileSync(files.certFile, 'utf8'),
      key: readFileSync(files.keyFile, 'utf8'),
    },
    userAgent: 'test',
    clock: nodeClock(),
    logger: silentLogger,
  })
  transports.push(transport)
  return new ApiClient({ transport })
}

async function nodeOptions(stopPodsOnExit: boolean): Promise<NodeOptions> {
  const metrics = nodeMetrics()
  const verbose = process.env['NODE_TEST_LOG'] !== undefined
  return {
    nodeName,
    client: nodeClient,
    tls: await apiserver.identity(`system:node:${nodeName}`, ['system:nodes']),
    listen: { host: '127.0.0.1', port: 0 },
    dataDirectory: directory,
    stopPodsOnExit,
    clock: nodeClock(),
    random: nodeRandom(),
    processes: nodeProcesses(),
    files: nodeFiles,
    logger: verbose ? nodeLogger({ process: 'node', level: 'debug' }) : silentLogger,
    metrics,
    metricsText: () => metrics.text(),
    searchPath: process.env['PATH'] ?? '',
    proxy: { mode: 'userspace', nodeAddresses: ['127.0.0.1'] },
  }
}

async function start(stopPodsOnExit = false): Promise<RunningNode> {
  running = await startNode(await nodeOptions(stopPodsOnExit))
  await eventually('the node registers', () => find(nodes, { name: nodeName }))
  // As the node IPAM controller does.
  const spec = { podCIDR: '127.64.77.0/24', podCIDRs: ['127.64.77.0/24'] }
  await client.patch(nodes, { name: nodeName }, 'merge', { spec })
  return running
}

async function find<T>(resource: Parameters<typeof client.get>[0], at: { name: string }) {
  try {
    return (await client.get(resource, at)) as T
  } catch (error) {
    if (isNotFound(error)) return null
    throw error
  }
}

interface PodChoices {
  readonly spec?: JsonObject
  readonly container?: JsonObject
}

const script = (text: string): JsonObject => ({ command: ['sh', '-c', text] })

/** Bound by hand, as if scheduled. */
async function createPod(name: string, { spec = {}, container = {} }: PodChoices): Promise<Pod> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 5,
      containers: [{ name: 'main', image: 'host', ...container }],
      ...spec,
    },
  }
  return client.create(pods, pod)
}

const podNow = (name: string): Promise<Pod | null> =>
  find<Pod>(pods, { namespace: 'default', name } as { name: string })

const main = (pod: Pod | null): ContainerStatus | undefined => pod?.status?.containerStatuses?.[0]

const podWhere = (name: string, what: string, holds: (pod: Pod) => unknown): Promise<Pod> =>
  eventually(`${name} ${what}`, async () => {
    const pod = await podNow(name)
    return pod !== null && holds(pod) ? pod : null
  })

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true

const podGone = (name: string): Promise<unknown> =>
  eventually(`${name} is gone`, async () => ((await podNow(name)) === null ? true : null))

const logsOf = (name: string, query = ''): Promise<string> => {
  const path = `/api/v1/namespaces/default/pods/${name}/log?${query}`
  const transport = transports[0]
  if (transport === undefined) throw new Error('no transport')
  return transport
    .request({
      method: 'GET',
      path,
      accept: '*/*',
      contentType: null,
      body: null,
      timeoutMs: 10_000,
    })
    .then(({ body }) => body)
}

async function eventReasons(name: string): Promise<readonly string[]> {
  const { items } = await client.listAll(events, { namespace: 'default' })
  return items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason = '', message = '' }) => `${reason}: ${message}`)
}

/** Of every container of a pod that was started here, whether it still lives or not. */
function startedNotes(uid = '*'): readonly StartedNote[] {
  const listed = spawnSync('sh', ['-c', `cat ${directory}/pods/${uid}/containers/*/*/io/started`])
  return listed.stdout
    .toString()
    .split(/(?<=\n)/)
    .flatMap(line => parseStarted(line) ?? [])
}

const living = (): readonly StartedNote[] =>
  startedNotes().filter(({ pid, startTicks }) => {
    return nodeProcesses().identify(pid)?.startTicks === startTicks
  })

const pidsOf = (uid: string): readonly number[] => startedNotes(uid).map(({ pid }) => pid)

beforeAll(async () => {
  apiserver = await startTestApiserver({ overrides: { serviceCidr: '127.96.0.0/16' } })
  client = clientOf(apiserver.admin)
  nodeClient = clientOf(await apiserver.identity(`system:node:${nodeName}`, ['system:nodes']))
})

afterAll(async () => {
  for (const transport of transports) transport.close()
  await apiserver.close()
})

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-'))
})

afterEach(async () => {
  await running?.stop()
  running = null
  const processes = nodeProcesses()
  await reapPods({
    dataDirectory: directory,
    files: nodeFiles,
    processes,
    clock: nodeClock(),
    graceMs: 0,
  })
  for (const { metadata } of (await client.listAll(pods, { namespace: 'default' })).items) {
    await client
      .delete(pods, { namespace: 'default', name: metadata.name ?? '' }, { gracePeriodSeconds: 0 })
      .catch(() => null)
  }
  rmSync(directory, { recursive: true, force: true })
})

describe('a node', () => {
  it('registers itself, becomes ready once it has a pod CIDR, and renews its lease', async () => {
    await start()
    const node = await eventually('the node is ready', async () => {
      const found = await client.get(nodes, { name: nodeName })
      const ready = found.status?.conditions?.find(({ type }) => type === 'Ready')
      return ready?.status === 'True' ? found : null
    })
    expect(node.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': nodeName })
    expect(node.status?.addresses).toContainEqual({ type: 'InternalIP', address: '127.0.0.1' })
    expect(node.status?.nodeInfo?.kubeletVersion).toMatch(/^v1\.32\.0\+raftsman/)
    expect(node.status?.daemonEndpoints?.kubeletEndpoint?.Port).toBe(running?.kubeletPort)
    expect(node.status?.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'MemoryPressure=False',
      'DiskPressure=False',
      'PIDPressure=False',
      'Ready=True',
    ])
    const lease = await eventually('the lease', async () => {
      return client.get(leases, { namespace: 'kube-node-lease', name: nodeName }).catch(() => null)
    })
    expect(lease.spec).toMatchObject({ holderIdentity: nodeName, leaseDurationSeconds: 40 })
  })
})

describe('a pod', () => {
  it('runs, becomes ready by its probe, tells its log, and ends when it is deleted', async () => {
    await start()
    const server =
      "require('http').createServer((q, r) => { console.log(q.url); r.end(process.env.POD_IP) })" +
      ".listen(8080, process.env.POD_IP, () => console.log('up'))"
    await createPod('web', {
      container: {
        command: [process.execPath, '-e', server],
        readinessProbe: { httpGet: { path: '/probe', port: 8080 }, periodSeconds: 1 },
      },
    })
    const pod = await podWhere('web', 'is ready', isReady)
    expect(pod.status).toMatchObject({
      phase: 'Running',
      qosClass: 'BestEffort',
      hostIP: '127.0.0.1',
    })
    expect(pod.status?.podIP).toMatch(/^127\.64\.77\.\d+$/)
    expect(main(pod)).toMatchObject({ ready: true, started: true, restartCount: 0 })
    expect(main(pod)?.containerID).toMatch(/^process:\/\/[0-9a-f]{32}$/)
    await eventually('the log tells of the probe', async () => {
      const text = await logsOf('web')
      return text.startsWith('up\n') && text.includes('/probe\n')
    })
    const [pid = 0] = pidsOf(pod.metadata.uid ?? '')
    expect(nodeProcesses().identify(pid)).not.toBeNull()
    await client.delete(pods, { namespace: 'default', name: 'web' })
    await podGone('web')
    expect(nodeProcesses().identify(pid)).toBeNull()
    const reasons = await eventually('all events', async () => {
      const found = await eventReasons('web')
      return found.some(text => text.startsWith('Killing')) ? found : null
    })
    for (const wanted of [
      'Pulled: Container image "host" already present on machine',
      'Created: Created container: main',
      'Started: Started container main',
      'Killing: Stopping container main',
    ]) {
      expect(reasons).toContain(wanted)
    }
  })

  it('that ends is started again, then waits in back-off with its last exit shown', async () => {
    await start()
    await createPod('crash', { container: script('echo run; exit 3') })
    const pod = await podWhere('crash', 'backs off', found => {
      return main(found)?.state?.waiting?.reason === 'CrashLoopBackOff'
    })
    expect(main(pod)?.state?.waiting?.message).toMatch(
      /^back-off 10s restarting failed container=main pod=crash_default\(.*\)$/,
    )
    expect(main(pod)).toMatchObject({
      restartCount: 1,
      ready: false,
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    })
    expect(await logsOf('crash', 'previous=true')).toBe('run\n')
    expect(pod.status?.phase).toBe('Running')
  })

  it('that shall not be restarted succeeds or fails by its exit code', async () => {
    await start()
    await createPod('good', { spec: { restartPolicy: 'Never' }, container: script('echo done') })
    await createPod('bad', { spec: { restartPolicy: 'Never' }, container: script('exit 4') })
    const good = await podWhere('good', 'succeeds', ({ status }) => status?.phase === 'Succeeded')
    const bad = await podWhere('bad', 'fails', ({ status }) => status?.phase === 'Failed')
    expect(main(good)?.state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' })
    expect(main(bad)?.state?.terminated).toMatchObject({ exitCode: 4, reason: 'Error' })
    expect(await logsOf('good')).toBe('done\n')
    await client.delete(pods, { namespace: 'default', name: 'good' })
    await podGone('good')
  })

  it('runs its init containers one after the other before the others', async () => {
    await start()
    const init = (name: string, text: string): JsonObject => ({
      name,
      image: 'host',
      ...script(text),
    })
    await createPod('ordered', {
      spec: {
        restartPolicy: 'Never',
        volumes: [{ name: 'shared', emptyDir: {} }],
        initContainers: [
          { ...init('first', 'echo 1 >> shared/order'), volumeMounts: mount('shared') },
          { ...init('second', 'echo 2 >> shared/order'), volumeMounts: mount('shared') },
        ],
      },
      container: { ...script('cat shared/order'), volumeMounts: mount('shared') },
    })
    const pod = await podWhere('ordered', 'succeeds', ({ status }) => status?.phase === 'Succeeded')
    expect(await logsOf('ordered', 'container=main')).toBe('1\n2\n')
    expect(pod.status?.initContainerStatuses?.map(({ ready }) => ready)).toEqual([true, true])
  })

  it('is told what it asks for by variables and files, and gets the files anew', async () => {
    await start()
    const at = { namespace: 'default' }
    await client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...at, name: 'settings' },
      data: { colour: 'green' },
    })
    await client.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...at, name: 'keys' },
      data: { key: Buffer.from('s3cret').toString('base64') },
    })
    await createPod('told', {
      spec: {
        restartPolicy: 'Never',
        volumes: [{ name: 'settings', configMap: { name: 'settings' } }],
      },
      container: {
        ...script('echo $NAME $COLOUR $KEY $BOTH; cat etc/settings/colour'),
        volumeMounts: [{ name: 'settings', mountPath: '/etc/settings' }],
        env: [
          { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
          { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } },
          { name: 'BOTH', value: '$(NAME)-$(COLOUR)-$(NONE)' },
        ],
      },
    })
    await podWhere('told', 'succeeds', ({ status }) => status?.phase === 'Succeeded')
    expect(await logsOf('told')).toBe('told green s3cret told-green-$(NONE)\ngreen')
  })

  it('says what keeps it from starting: image, configuration, command', async () => {
    await start()
    await createPod('image', { container: { image: 'nginx' } })
    await createPod('config', {
      container: { ...script('true'), envFrom: [{ configMapRef: { name: 'none' } }] },
    })
    await createPod('command', { container: { command: ['no-such-program'] } })
    const waiting = (name: string, reason: string): Promise<Pod> =>
      podWhere(name, reason, pod => main(pod)?.state?.waiting?.reason === reason)
    const image = await waiting('image', 'ErrImagePull')
    expect(main(image)?.state?.waiting?.message).toContain('pulls no images: "nginx"')
    await waiting('image', 'ImagePullBackOff')
    const config = await waiting('config', 'CreateContainerConfigError')
    expect(main(config)?.state?.waiting?.message).toBe('configmap "none" not found')
    const command = await waiting('command', 'RunContainerError')
    expect(main(command)?.state?.waiting?.message).toContain('"no-such-program"')
    expect((await podNow('image'))?.status?.phase).toBe('Pending')
  })

  it('that ignores SIGTERM is killed when its grace is over', async () => {
    await start()
    await createPod('stubborn', {
      spec: { terminationGracePeriodSeconds: 1 },
      container: script('trap "" TERM; echo ready; while :; do sleep 0.1; done'),
    })
    await eventually('it is ready', async () => (await logsOf('stubborn')) === 'ready\n')
    const [pid = 0] = pidsOf((await podNow('stubborn'))?.metadata.uid ?? '')
    await client.delete(pods, { namespace: 'default', name: 'stubborn' })
    await podGone('stubborn')
    expect(nodeProcesses().identify(pid)).toBeNull()
  })

  it('that fails its liveness probe is restarted', async () => {
    await start()
    await createPod('ill', {
      spec: { terminationGracePeriodSeconds: 1 },
      container: {
        ...script('touch alive; exec sleep 600'),
        livenessProbe: { exec: { command: ['test', '-e', 'alive'] }, periodSeconds: 1 },
      },
    })
    const pod = await podWhere('ill', 'runs', found => main(found)?.state?.running)
    const alive = join(directory, `pods/${pod.metadata.uid}/containers/main/0/root/alive`)
    await eventually('the script has begun', () => existsSync(alive))
    rmSync(alive)
    const again = await podWhere('ill', 'runs again', found => {
      return main(found)?.restartCount === 1 && main(found)?.state?.running
    })
    expect(main(again)?.lastState?.terminated?.exitCode).toBe(143)
    const reasons = await eventReasons('ill')
    expect(reasons.some(text => text.startsWith('Unhealthy: Liveness probe failed'))).toBe(true)
    expect(reasons).toContain('Killing: Container main failed liveness probe, will be restarted')
  })

  it('outlives its node process, and is found again with its pid and its address', async () => {
    const first = await start()
    await createPod('lasting', {
      container: script('i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done'),
    })
    await createPod('leaving', { container: script('sleep 600') })
    const before = await podWhere('lasting', 'runs', pod => main(pod)?.state?.running)
    const left = await podWhere('leaving', 'runs', pod => main(pod)?.state?.running)
    const [pid = 0] = pidsOf(before.metadata.uid ?? '')
    const [leftPid = 0] = pidsOf(left.metadata.uid ?? '')
    await first.stop()
    // Gone without a node to see it: what is left on the machine must go too.
    const away = { namespace: 'default', name: 'leaving' }
    await client.delete(pods, away, { gracePeriodSeconds: 0 })
    await start()
    await eventually('the orphan ends', () => nodeProcesses().identify(leftPid) === null)
    await eventually(
      'the log goes on',
      async () => Number((await logsOf('lasting', 'tailLines=1')).trim()) > 50,
    )
    const after = await podNow('lasting')
    expect(main(after)).toMatchObject({ restartCount: 0, containerID: main(before)?.containerID })
    expect(after?.status?.podIP).toBe(before.status?.podIP)
    expect(pidsOf(before.metadata.uid ?? '')).toEqual([pid])
    const lines = (await logsOf('lasting')).trim().split('\n').map(Number)
    expect(lines).toEqual(lines.map((_, at) => at + 1))
    process.kill(pid, 'SIGKILL')
    const restarted = await podWhere('lasting', 'runs again', pod => {
      return main(pod)?.restartCount === 1 && main(pod)?.state?.running
    })
    expect(main(restarted)?.lastState?.terminated).toMatchObject({ exitCode: 137 })
  })

  it('ends with its node process where that is wanted, and starts again with it', async () => {
    const first = await start(true)
    await createPod('along', { container: script('sleep 600') })
    const pod = await podWhere('along', 'runs', found => main(found)?.state?.running)
    const [pid = 0] = pidsOf(pod.metadata.uid ?? '')
    await first.stop()
    expect(nodeProcesses().identify(pid)).toBeNull()
    await start(true)
    await podWhere('along', 'runs again', found => {
      return main(found)?.restartCount === 1 && main(found)?.state?.running
    })
  })

  it('takes along what it is just starting', async () => {
    const first = await start(true)
    const names = Array.from({ length: 12 }, (_, at) => `starting-${at}`)
    await Promise.all(names.map(name => createPod(name, { container: script('sleep 600') })))
    await eventually('a start', () => startedNotes().length > 0)
    await first.stop()
    expect(living()).toEqual([])
  })

  it('takes along what it found again and has not looked after yet', async () => {
    const first = await start()
    await createPod('found', { container: script('sleep 600') })
    await podWhere('found', 'runs', found => main(found)?.state?.running)
    await first.stop()
    expect(living()).toHaveLength(1)
    const second = await startNode(await nodeOptions(true))
    await second.stop()
    expect(living()).toEqual([])
  })
})

const mount = (name: string): JsonObject[] => [{ name, mountPath: `/${name}` }]

describe('a service', () => {
  it('reaches its ready endpoints at its cluster address, and nobody once it has none', async () => {
    await start()
    const backends = [1, 2].map(ordinal => {
      const server = http.createServer((_request, response) => response.end(`backend ${ordinal}`))
      server.listen(0, `127.64.99.${ordinal}`)
      return server
    })
    await Promise.all(
      backends.map(server => new Promise(resolve => server.once('listening', resolve))),
    )
    const service = await client.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'hello', namespace: 'default' },
      spec: { ports: [{ port: 8080, targetPort: 1 }] },
    })
    const address = service.spec?.clusterIP ?? ''
    for (const [at, server] of backends.entries()) {
      const bound = server.address()
      if (bound === null || typeof bound === 'string') throw new Error('not bound')
      await client.create(endpointSlices, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: `hello-${at}`,
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': 'hello' },
        },
        addressType: 'IPv4',
        endpoints: [{ addresses: [bound.address], conditions: { ready: true } }],
        ports: [{ port: bound.port, protocol: 'TCP', name: '' }],
      })
    }
    const answers = new Set<string>()
    await eventually('both answer', async () => {
      const text = await get(`http://${address}:8080/`).catch(() => '')
      if (text !== '') answers.add(text)
      return answers.size === 2
    })
    expect([...answers].sort()).toEqual(['backend 1', 'backend 2'])
    for (const at of [0, 1]) {
      await client.delete(endpointSlices, { namespace: 'default', name: `hello-${at}` })
    }
    await eventually('it refuses', () =>
      get(`http://${address}:8080/`).then(
        () => null,
        (error: Error) => error.message.includes('ECONNREFUSED'),
      ),
    )
    for (const server of backends) server.close()
    await client.delete(services, { namespace: 'default', name: 'hello' })
  })
})

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent: false }, response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      })
      .on('error', reject)
  })
}
