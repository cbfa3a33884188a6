// The main job, end to end: three masters and two nodes as real processes, the unmodified kubectl,
// and everything dying once. The README shows the same steps.

import { readdirSync, readFileSync } from 'node:fs'
import { get as httpGet } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RaftsmanError } from '../platform/errors.js'
import { eventually, LocalCluster, type Status } from './testing/local-cluster.js'

interface PodList {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string
      readonly uid: string
      readonly deletionTimestamp?: string
    }
    readonly spec: { readonly nodeName: string }
    readonly status: {
      readonly phase: string
      readonly podIP: string
      readonly conditions?: readonly { readonly type: string; readonly status: string }[]
      readonly containerStatuses?: readonly {
        readonly restartCount: number
        readonly containerID: string
      }[]
    }
  }[]
}

const cluster = new LocalCluster(3000)

beforeAll(async () => {
  const { code, stderr } = await cluster.up()
  if (code !== 0) throw new Error(`up failed: ${stderr}\n${cluster.logs()}`)
}, 180_000)

afterAll(async () => {
  await cluster.dispose()
}, 120_000)

const isReady = (pod: PodList['items'][number]): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true

const helloPods = async (): Promise<PodList['items']> =>
  (await cluster.json<PodList>('get', 'pods', '-l', 'app=hello')).items

/** The Ready pods, once there are exactly `count` of them and no other. */
const readyPods = (count: number, withinMs = 60_000): Promise<PodList['items']> =>
  eventually(`${count} ready pods`, withinMs, async () => {
    const pods = await helloPods()
    return pods.length === count && pods.every(isReady) && pods
  })

function request(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = httpGet(url, { agent: false, timeout: 2_000 }, response => {
      let body = ''
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      response.on('end', () => resolve(body))
    })
    call.on('timeout', () => call.destroy(new Error('timeout')))
    call.on('error', reject)
  })
}

const serviceUrl = async (): Promise<string> => {
  const service = await cluster.json<{ spec: { clusterIP: string } }>('get', 'service', 'hello')
  return `http://${service.spec.clusterIP}:8080/`
}

/** Asks the Service until each of these pods has answered. */
const everyReplicaAnswers = async (names: readonly string[]): Promise<void> => {
  const url = await serviceUrl()
  const missing = new Set(names)
  await eventually('an answer of every replica', 30_000, async () => {
    const body = await request(url)
    for (const name of missing) if (body.includes(name)) missing.delete(name)
    return missing.size === 0
  })
}

const healthyMasters = (count: number): Promise<Status> =>
  eventually(`${count} healthy masters`, 60_000, async () => {
    const status = await cluster.status()
    return (
      status.leader !== null &&
      status.masters.filter(({ healthy }) => healthy).length === count &&
      status
    )
  })

/** The process of a pod's container: the one that has the pod's name in its environment. */
function pidOfPod(name: string): number {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const environment = readFileSync(`/proc/${entry}/environ`, 'utf8').split('\0')
      const program = readFileSync(`/proc/${entry}/comm`, 'utf8').trim()
      if (program === 'node' && environment.includes(`POD_NAME=${name}`)) return Number(entry)
    } catch {
      // Ended while we looked.
    }
  }
  throw new Error(`no process of pod ${name}`)
}

/** Puts keys one after another through every failure, and remembers which were acknowledged. */
class Writer {
  readonly acknowledged: string[] = []
  readonly store = cluster.storeClient(3)
  readonly #stopped = new AbortController()
  #done: Promise<void> = Promise.resolve()

  start(): void {
    this.#done = this.#run()
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#stopped.signal.aborted; number += 1) {
      const key = `written/${number}`
      try {
        await this.store.put({ key: Buffer.from(key), value: Buffer.from(String(number)) })
        this.acknowledged.push(key)
      } catch (error) {
        if (!(error instanceof RaftsmanError) || error.code === 'client-closed') throw error
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#done
  }

  async missing(): Promise<readonly string[]> {
    const response = await this.store.range({
      key: Buffer.from('written/'),
      end: Buffer.from('written0'),
      keysOnly: true,
    })
    const present = new Set(response.kvs.map(({ key }) => Buffer.from(key).toString()))
    return this.acknowledged.filter(key => !present.has(key))
  }
}

describe('three masters and two nodes', () => {
  it('come up with every node ready', async () => {
    const nodes = await cluster.must('get', 'nodes')
    expect(nodes).toMatch(/node-1 +Ready/)
    expect(nodes).toMatch(/node-2 +Ready/)
    const status = await healthyMasters(3)
    expect(status.masters.map(({ name }) => name)).toEqual(['master-1', 'master-2', 'master-3'])
  })

  it('refuse a second start on the same data with a sentence', async () => {
    const { code, stderr } = await cluster.up()
    expect(code).toBe(1)
    expect(stderr).toContain('already running')
    expect(stderr).not.toContain('    at ')
  })

  it('run a Deployment whose Service reaches every replica', async () => {
    await cluster.must('apply', '-f', 'examples/hello.yaml')
    const rollout = await cluster.must('rollout', 'status', 'deployment/hello', '--timeout=60s')
    expect(rollout).toContain('successfully rolled out')
    const pods = await readyPods(3)
    const wide = await cluster.must('get', 'pods', '-o', 'wide')
    expect(wide).toMatch(
      /NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES/,
    )
    expect(wide.match(/1\/1 +Running/g)).toHaveLength(3)
    expect(new Set(pods.map(({ spec }) => spec.nodeName))).toEqual(new Set(['node-1', 'node-2']))
    await everyReplicaAnswers(pods.map(({ metadata }) => metadata.name))
  })

  it('describe a node with its events', async () => {
    const reasons = ['Starting', 'NodeHasSufficientMemory', 'NodeReady', 'RegisteredNode']
    await eventually('events of the node', 15_000, async () => {
      const text = await cluster.must('describe', 'node', 'node-1')
      return reasons.every(reason => text.includes(reason))
    })
  })

  it('describe a pod with its events', async () => {
    const [pod] = await helloPods()
    const text = await eventually('events of the pod', 15_000, async () => {
      const described = await cluster.must('describe', 'pod', pod?.metadata.name ?? '')
      return /Scheduled[\s\S]*Started/.test(described) && described
    })
    expect(text).toMatch(/Status: +Running/)
    expect(text).toMatch(/Controlled By: +ReplicaSet\/hello-/)
  })

  it('follow logs while they are written', async () => {
    const [pod] = await helloPods()
    const name = pod?.metadata.name ?? ''
    const follower = cluster.spawnKubectl(['logs', '-f', name])
    let seen = ''
    follower.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await eventually('the first lines', 15_000, async () => seen.length > 0)
    await request(`http://${pod?.status.podIP}:8080/marker-4711`)
    await eventually('the line of the request', 15_000, async () => seen.includes('marker-4711'))
    follower.kill('SIGINT')
  })

  it('show a scaling up and down to a watcher', async () => {
    const watcher = cluster.spawnKubectl(['get', 'pods', '-l', 'app=hello', '-w'])
    let seen = ''
    watcher.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await eventually('the first rows', 15_000, async () => seen.split('\n').length >= 4)
    const known = new Set((await helloPods()).map(({ metadata }) => metadata.name))
    await cluster.must('scale', 'deployment/hello', '--replicas=5')
    const pods = await readyPods(5)
    const fresh = pods.map(({ metadata }) => metadata.name).filter(name => !known.has(name))
    expect(fresh).toHaveLength(2)
    await eventually('rows of the new pods', 15_000, async () =>
      fresh.every(name => new RegExp(`${name} +1/1 +Running`).test(seen)),
    )
    await cluster.must('scale', 'deployment/hello', '--replicas=3')
    await readyPods(3)
    await eventually('rows of the end', 15_000, async () => seen.includes('Terminating'))
    watcher.kill('SIGINT')
  })

  it('roll a changed template out', async () => {
    const before = new Set((await readyPods(3)).map(({ metadata }) => metadata.uid))
    await cluster.must('set', 'env', 'deployment/hello', 'GREETING=ahoy')
    await cluster.must('rollout', 'status', 'deployment/hello', '--timeout=60s')
    const after = await readyPods(3)
    expect(after.some(({ metadata }) => before.has(metadata.uid))).toBe(false)
    const history = await cluster.must('rollout', 'history', 'deployment/hello')
    expect(history).toMatch(/^2 /m)
  })

  it('label, wait and delete', async () => {
    const [pod] = await helloPods()
    const name = pod?.metadata.name ?? ''
    await cluster.must('label', 'pod', name, 'looked-at=yes')
    expect(await cluster.must('get', 'pods', '-l', 'looked-at=yes', '-o', 'name')).toBe(
      `pod/${name}\n`,
    )
    await cluster.must('create', 'configmap', 'short-lived', '--from-literal=a=b')
    await cluster.must('delete', 'configmap', 'short-lived')
    await cluster.must('delete', 'pod', name)
    await cluster.must('wait', '--for=condition=Available', 'deployment/hello', '--timeout=60s')
    await readyPods(3)
  })

  it('lose nothing that was acknowledged while masters die', { timeout: 240_000 }, async () => {
    const pods = await readyPods(3)
    const identities = pods.map(
      pod => `${pod.metadata.uid} ${pod.status.containerStatuses?.[0]?.containerID}`,
    )
    const writer = new Writer()
    writer.start()
    await eventually('some writes', 10_000, async () => writer.acknowledged.length > 100)

    const first = await healthyMasters(3)
    const leader = first.masters.find(({ name }) => name === first.leader)
    process.kill(leader?.pids.store ?? 0, 'SIGKILL')
    const beforeElection = writer.acknowledged.length
    await eventually(
      'writes after the election',
      15_000,
      async () => writer.acknowledged.length > beforeElection + 100,
    )
    await cluster.must('get', 'pods')

    const second = await healthyMasters(3)
    const victim = second.masters.find(({ name }) => name === second.leader)
    for (const pid of Object.values(victim?.pids ?? {})) process.kill(pid, 'SIGKILL')
    const beforeSecond = writer.acknowledged.length
    await cluster.must('create', 'configmap', 'written-without-a-master', '--from-literal=a=b')
    await cluster.must('get', 'pods')
    await eventually(
      'writes without the master',
      15_000,
      async () => writer.acknowledged.length > beforeSecond + 100,
    )

    const third = await healthyMasters(3)
    expect(third.masters.find(({ name }) => name === victim?.name)?.pids).not.toEqual(victim?.pids)
    await writer.stop()
    expect(await writer.missing()).toEqual([])
    writer.store.close()
    await eventually('the killed master catches up', 30_000, async () => {
      const { masters } = await cluster.status()
      const applied = masters.map(({ appliedIndex }) => appliedIndex)
      return Math.max(...applied) - Math.min(...applied) < 50
    })
    const after = await readyPods(3)
    expect(
      after.map(pod => `${pod.metadata.uid} ${pod.status.containerStatuses?.[0]?.containerID}`),
    ).toEqual(identities)
  })

  it('restart a killed container', async () => {
    const [pod] = await readyPods(3)
    const name = pod?.metadata.name ?? ''
    process.kill(pidOfPod(name), 'SIGKILL')
    await eventually('a restart', 45_000, async () => {
      const now = (await helloPods()).find(({ metadata }) => metadata.name === name)
      return (
        now !== undefined &&
        isReady(now) &&
        (now.status.containerStatuses?.[0]?.restartCount ?? 0) === 1
      )
    })
  })

  it('keep pods running while their node process dies and returns', async () => {
    const before = await readyPods(3)
    const status = await cluster.status()
    const node = status.nodes.find(({ name }) => name === before[0]?.spec.nodeName)
    const pids = before.map(({ metadata }) => pidOfPod(metadata.name))
    process.kill(node?.pid ?? 0, 'SIGKILL')
    await eventually('a new node process', 30_000, async () => {
      const again = (await cluster.status()).nodes.find(({ name }) => name === node?.name)
      return again !== undefined && again.ready && again.pid !== node?.pid && again.pid !== null
    })
    const after = await readyPods(3)
    expect(after.map(({ metadata }) => metadata.name)).toEqual(
      before.map(({ metadata }) => metadata.name),
    )
    expect(after.map(({ metadata }) => pidOfPod(metadata.name))).toEqual(pids)
  })

  it('move pods away from a dead node', { timeout: 240_000 }, async () => {
    // The default patience with a lost node is five minutes; a test has less.
    const tolerations = ['not-ready', 'unreachable'].map(what => ({
      key: `node.kubernetes.io/${what}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 1,
    }))
    await cluster.must(
      'patch',
      'deployment',
      'hello',
      '-p',
      JSON.stringify({ spec: { template: { spec: { tolerations } } } }),
    )
    await cluster.must('rollout', 'status', 'deployment/hello', '--timeout=60s')
    const before = await readyPods(3)
    expect(before.some(({ spec }) => spec.nodeName === 'node-1')).toBe(true)
    const { code } = await cluster.raftsman(['stop', 'node-1', '--signal', 'KILL'])
    expect(code).toBe(0)
    const moved = await eventually('three ready pods on node-2', 120_000, async () => {
      const pods = (await helloPods())
        .filter(isReady)
        .filter(({ spec }) => spec.nodeName === 'node-2')
      return pods.length === 3 && pods
    })
    expect(await cluster.must('get', 'nodes')).toMatch(/node-1 +NotReady/)
    await everyReplicaAnswers(moved.map(({ metadata }) => metadata.name))
    expect((await cluster.raftsman(['start', 'node-1'])).code).toBe(0)
    await eventually('node-1 is back', 60_000, async () =>
      /node-1 +Ready/.test(await cluster.must('get', 'nodes')),
    )
    await readyPods(3)
  })

  it('are all there again after down and up', { timeout: 240_000 }, async () => {
    await cluster.must('create', 'configmap', 'kept', '--from-literal=a=b')
    const before = await readyPods(3)
    expect((await cluster.down()).code).toBe(0)
    for (const { metadata } of before) expect(() => pidOfPod(metadata.name)).toThrow('no process')
    const { code, stderr } = await cluster.up()
    expect(code, stderr).toBe(0)
    const after = await readyPods(3)
    expect(after.map(({ metadata }) => metadata.uid).toSorted()).toEqual(
      before.map(({ metadata }) => metadata.uid).toSorted(),
    )
    expect(await cluster.must('get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}')).toBe('b')
    await everyReplicaAnswers(after.map(({ metadata }) => metadata.name))
  })

  it('delete what was applied and leave no pod behind', async () => {
    await cluster.must('delete', '-f', 'examples/hello.yaml')
    await eventually('no pods', 60_000, async () => (await helloPods()).length === 0)
    expect(await cluster.must('get', 'replicasets', '-o', 'name')).toBe('')
  })
})
