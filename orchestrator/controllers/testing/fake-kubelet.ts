// Nodes that run nothing: they renew their Lease, report every pod bound to them as running and
// ready, and let deleted pods go. Everything over the HTTP API, as a kubelet does.

import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeRandom } from '../../../platform/node/random.js'
import type { Pod } from '../../api/types/core-pod.js'
import { Informer } from '../../client/informer.js'
import { leases, nodes, pods } from '../../client/resources.js'
import type { ApiClient } from '../../client/rest-client.js'
import { formatMicroTime, formatTime } from '../../client/timestamps.js'

export interface FakeKubelet {
  /** Falls silent, as a machine that lost its power: pods stay as they were. */
  crash(): void
}

const leaseNamespace = 'kube-node-lease'

/** Resolves once the node is registered and ready. */
export async function startFakeKubelet(
  client: ApiClient,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<FakeKubelet> {
  const clock = nodeClock()
  const now = formatTime(Date.now())
  const conditions = [
    { type: 'Ready', status: 'True', reason: 'KubeletReady', lastTransitionTime: now },
  ].map(condition => ({ ...condition, lastHeartbeatTime: now, message: 'ready' }))
  const node = await client.create(nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  })
  const amounts = { cpu: '4', memory: '8Gi', pods: '110' }
  const status = { capacity: amounts, allocatable: amounts, conditions }
  await client.patch(nodes, { name }, 'merge', { status }, { subresource: 'status' })
  const holder = { holderIdentity: name, leaseDurationSeconds: 40 }
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      namespace: leaseNamespace,
      name,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid ?? '' }],
    },
    spec: { ...holder, renewTime: formatMicroTime(Date.now()) },
  }
  await client.create(leases, lease)
  const at = { namespace: leaseNamespace, name }
  const renewal = clock.setTicker(200, () => {
    const spec = { renewTime: formatMicroTime(Date.now()) }
    client.patch(leases, at, 'merge', { spec }).catch(() => {})
  })
  const informer = new Informer({
    client,
    resource: pods,
    clock,
    random: nodeRandom(),
    logger: silentLogger,
    selection: { fieldSelector: `spec.nodeName=${name}` },
  })
  let octet = 1
  const run = (pod: Pod) => {
    const { namespace = '', name: podName = '', uid = '' } = pod.metadata
    const where = { namespace, name: podName }
    if (pod.metadata.deletionTimestamp) {
      client.delete(pods, where, { uid, gracePeriodSeconds: 0 }).catch(() => {})
    } else if (pod.status?.phase === 'Pending') {
      const podIP = `127.64.0.${octet++}`
      const since = formatTime(Date.now())
      const ready = { type: 'Ready', status: 'True', lastTransitionTime: since }
      const others = (pod.status.conditions ?? []).filter(one => one.type !== 'Ready')
      const next = {
        ...pod.status,
        phase: 'Running',
        podIP,
        podIPs: [{ ip: podIP }],
        conditions: [...others, ready],
      }
      client.updateStatus(pods, { ...pod, status: next }).catch(() => {})
    }
  }
  informer.addHandlers({ onAdd: run, onUpdate: run })
  informer.start()
  return {
    crash() {
      renewal.cancel()
      informer.stop()
    },
  }
}

/** Polls what the server says until it holds; the condition is what the test is about. */
export async function eventually<T>(
  read: () => Promise<T>,
  holds: (value: T) => boolean,
  timeoutMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await read().catch((error: unknown) => error as T)
    if (!(value instanceof Error) && holds(value)) return value
    if (Date.now() > deadline) {
      throw new Error(`still not so: ${value instanceof Error ? value : JSON.stringify(value)}`)
    }
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
