// Leaders that die while everything is under way. Three masters and three nodes as real processes; Deployments that
// roll, a StatefulSet, a DaemonSet, Jobs, CronJobs, and evictions against a budget. The process that leads the
// controllers is killed, then the one that leads the scheduler, then a whole master: the one whose store leads.
// What must hold at every moment is watched from the beginning, what ran says so itself, and in the end all is done.

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { HttpTransport } from '../orchestrator/client/http-transport.js'
import {
  cronJobs,
  daemonSets,
  deployments,
  jobs,
  leases,
  persistentVolumeClaims,
  pods,
  podDisruptionBudgets,
  replicaSets,
  statefulSets,
} from '../orchestrator/client/resources.js'
import { ApiClient } from '../orchestrator/client/rest-client.js'
import { silentLogger } from '../platform/logger.js'
import { nodeClock } from '../platform/node/clock.js'
import { freeOffset } from './testing/free-offset.js'
import { eventually, LocalCluster } from './testing/local-cluster.js'
import { lasting, namespace, passing, sizes } from './testing/mixed-workload.js'
import { orphans, WorkloadWitness } from './testing/workload-witness.js'

const masters = 3
const nodes = 3

const cluster = new LocalCluster(await freeOffset(6200, { masters, nodes }))
const records = join(cluster.directory, 'records')

const closers: (() => void)[] = []
let client: ApiClient
let witness: WorkloadWitness

beforeAll(async () => {
  const { code, stderr } = await cluster.up('--masters', `${masters}`, '--nodes', `${nodes}`)
  if (code !== 0) throw new Error(`up failed: ${stderr}\n${cluster.logs()}`)
  mkdirSync(records)
  const read = (name: string) => readFileSync(cluster.pki(name), 'utf8')
  const transport = new HttpTransport({
    servers: [1, 2, 3].map(master => `https://${cluster.address(master * 10_000 + 6443)}`),
    tls: { ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key') },
    userAgent: 'test',
    clock: nodeClock(),
    logger: silentLogger,
  })
  client = new ApiClient({ transport })
  witness = new WorkloadWitness({
    client,
    namespace,
    guarded: { app: 'guarded', available: sizes.available },
    daemon: 'agent',
  })
  closers.push(
    () => witness.stop(),
    () => transport.close(),
  )
}, 180_000)

afterAll(async () => {
  for (const close of closers) close()
  await cluster.dispose()
}, 120_000)

/** Lines that containers wrote; none is an empty list. */
const recorded = (file: string): readonly string[] => {
  const path = join(records, file)
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
}

/** kubectl, again and again while API servers come and go. */
const kubectl = (args: readonly string[], input?: string): Promise<string> =>
  eventually(`kubectl ${args.join(' ')}`, 30_000, async () => {
    const { code, stdout, stderr } = await cluster.kubectl(['-n', namespace, ...args], input)
    if (code !== 0) throw new Error(stderr)
    return `${stdout}\n`
  })

/** As in "master-2_4f2a9c". */
const holderOf = async (name: string): Promise<string> => {
  const lease = await client.get(leases, { namespace: 'kube-system', name })
  return lease.spec?.holderIdentity ?? ''
}

const masterOf = async (leader: string) => {
  const { masters: all } = await cluster.status()
  const found = all.find(({ name }) => leader === name || leader.startsWith(`${name}_`))
  if (found === undefined) throw new Error(`no master of ${leader}`)
  return found
}

/** SIGKILL for what leads by a Lease; resolves once another life leads. */
async function killLeader(lease: string): Promise<void> {
  const holder = await holderOf(lease)
  const { pids } = await masterOf(holder)
  process.kill(pids.controllers, 'SIGKILL')
  await eventually(`a leader of ${lease} after ${holder}`, 40_000, async () => {
    const next = await holderOf(lease)
    return next !== holder && next !== '' && next
  })
}

/** All three processes of the master whose store leads; resolves once its supervisor has made it whole. */
async function killMaster(): Promise<void> {
  const { leader } = await cluster.status()
  const { name, pids } = await masterOf(leader ?? '')
  for (const pid of Object.values(pids)) process.kill(pid, 'SIGKILL')
  await eventually(`${name} is whole again`, 60_000, async () => {
    const after = await masterOf(name)
    const fresh = Object.values(after.pids).every(
      pid => pid !== null && !Object.values(pids).includes(pid),
    )
    return fresh && after.healthy
  })
}

/** Asks for one guarded pod after the other to go, as `kubectl drain` would; counts who may. */
class Evictions {
  granted = 0
  refused = 0
  readonly #stopped = new AbortController()
  #done: Promise<void> = Promise.resolve()

  start(): void {
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#done
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#stopped.signal.aborted; turn += 1) {
      const guarded = witness.pods.objects
        .list()
        .filter(({ metadata }) => metadata.labels?.['app'] === 'guarded')
      const pod = guarded[turn % Math.max(1, guarded.length)]
      if (pod !== undefined) await this.#evict(pod.metadata.name ?? '')
      await new Promise(resolve => {
        setTimeout(resolve, 100)
      })
    }
  }

  async #evict(name: string): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`
    const metadata = { name, namespace }
    await client
      .postJson(path, { apiVersion: 'policy/v1', kind: 'Eviction', metadata })
      .then(() => {
        this.granted += 1
      })
      // Refused by the budget, or its API server has died.
      .catch(() => {
        this.refused += 1
      })
  }
}

/** Begins a round's work, and waits until the Deployment is in the middle of its next revision. */
async function begin(round: number): Promise<void> {
  await kubectl(['apply', '-f', '-'], passing(records, round))
  await kubectl(['create', 'job', `by-hand-${round}`, '--from=cronjob/by-hand'])
  await kubectl(['rollout', 'status', `deployment/doomed-${round}`, '--timeout=60s'])
  const names = ['deployment/web', 'statefulset/db', 'daemonset/agent']
  await kubectl(['set', 'env', ...names, `GENERATION=${round + 1}`])
  await kubectl(['delete', `deployment/doomed-${round}`, '--wait=false'])
  await eventually('a Deployment on its way', 60_000, async () => {
    const { status } = await client.get(deployments, { namespace, name: 'web' })
    const updated = status?.updatedReplicas ?? 0
    return updated > 0 && updated < sizes.web
  })
}

const rounds = 3

it('Leaders of all kinds die under a mixed workload: nothing is lost, done twice or left over.', {
  timeout: 300_000,
}, async () => {
  await kubectl(['create', 'namespace', namespace])
  await witness.start()
  await kubectl(['apply', '-f', '-'], lasting(records))
  for (const name of [
    'deployment/web',
    'deployment/guarded',
    'statefulset/db',
    'daemonset/agent',
  ]) {
    await kubectl(['rollout', 'status', name, '--timeout=60s'])
  }
  const evictions = new Evictions()
  evictions.start()

  await begin(1)
  await killLeader('kube-controller-manager')
  await begin(2)
  await killLeader('kube-scheduler')
  await begin(3)
  await killMaster()

  await eventually('a Job of the CronJob', 70_000, async () => recorded('each-minute').length > 0)
  for (const name of ['deployment/web', 'statefulset/db', 'daemonset/agent']) {
    await kubectl(['rollout', 'status', name, '--timeout=60s'])
  }
  await evictions.stop()
  await kubectl(['patch', 'cronjob/each-minute', '-p', '{"spec": {"suspend": true}}'])
  await kubectl(['rollout', 'status', 'deployment/guarded', '--timeout=60s'])
  await kubectl(['wait', '--for=condition=complete', 'job', '--all', '--timeout=60s'])
  await eventually('nothing left over', 60_000, async () => {
    const left = await orphans(client, namespace, [
      deployments,
      statefulSets,
      daemonSets,
      jobs,
      cronJobs,
    ])
    if (left.length > 0) throw new Error(left.join(', '))
    return (await client.list(deployments, { namespace })).items.length === 2
  })

  expect(witness.broken).toEqual([])
  expect(recorded('twice')).toEqual([])
  expect(evictions.granted).toBeGreaterThan(rounds)

  for (let round = 1; round <= rounds; round += 1) {
    const indexes = Array.from({ length: sizes.indexed }, (_, index) => `${index}`)
    expect(recorded(`indexed-${round}`).toSorted()).toEqual(indexes)
    expect(recorded(`plain-${round}`)).toHaveLength(sizes.plain)
    expect(new Set(recorded(`plain-${round}`)).size).toBe(sizes.plain)
    const job = await client.get(jobs, { namespace, name: `indexed-${round}` })
    expect(job.status).toMatchObject({
      succeeded: sizes.indexed,
      completedIndexes: `0-${sizes.indexed - 1}`,
    })
  }
  expect(recorded('by-hand')).toHaveLength(rounds)
  // A claim a pod that asked for one; they are there as long as the pods.
  const claims = (await client.list(persistentVolumeClaims, { namespace })).items
  expect(claims.map(({ status }) => status?.phase)).toEqual(
    Array.from({ length: rounds * sizes.plain }, () => 'Bound'),
  )

  // A name is a minute: none is left out between the first and the last.
  const minutes = witness.jobsEver
    .filter(name => name.startsWith('each-minute-'))
    .map(name => Number(name.slice('each-minute-'.length)))
    .toSorted((a, b) => a - b)
  expect(minutes).toEqual(minutes.map((_, at) => (minutes[0] ?? 0) + at))
  expect(recorded('each-minute')).toHaveLength(minutes.length)

  const current = (await client.list(pods, { namespace })).items.filter(
    ({ status }) => status?.phase === 'Running',
  )
  const count = (app: string) =>
    current.filter(({ metadata }) => metadata.labels?.['app'] === app).length
  expect({
    web: count('web'),
    guarded: count('guarded'),
    db: count('db'),
    agent: count('agent'),
    all: current.length,
  }).toEqual({
    web: sizes.web,
    guarded: sizes.guarded,
    db: sizes.db,
    agent: nodes,
    all: sizes.web + sizes.guarded + sizes.db + nodes,
  })
  const agents = current.filter(({ metadata }) => metadata.labels?.['app'] === 'agent')
  expect(new Set(agents.map(({ spec }) => spec.nodeName)).size).toBe(nodes)
  // All of the last generation, in one ReplicaSet that has pods.
  const generations = new Set(
    current
      .filter(({ metadata }) => metadata.labels?.['app'] !== 'guarded')
      .map(({ spec }) => spec.containers[0]?.env?.find(({ name }) => name === 'GENERATION')?.value),
  )
  expect([...generations]).toEqual([`${rounds + 1}`])
  const sets = (await client.list(replicaSets, { namespace })).items
  expect(sets.filter(({ spec }) => (spec.replicas ?? 0) > 0)).toHaveLength(2)
  expect(sets).toHaveLength(rounds + 1 + 1)
  const { status: budget } = await client.get(podDisruptionBudgets, { namespace, name: 'guarded' })
  expect(budget).toMatchObject({ currentHealthy: sizes.guarded, disruptionsAllowed: 1 })
})
