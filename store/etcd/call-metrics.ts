// Calls of gRPC for Prometheus, under the names that servers in Go have for them by custom, so that alerts
// and dashboards made for etcd find them. Counts are kept as plain numbers and read when somebody asks: a
// call must not pay for labels.

import type { Clock } from '../../platform/clock.js'
import type { Labels, Metrics, Sample } from '../../platform/metrics.js'
import { rpcCode } from '../../platform/rpc.js'
import type { RpcCallObserver, RpcCode, RpcObserver } from '../../platform/rpc.js'
import { etcdVersion } from './context.js'

const serverStreams: ReadonlySet<string> = new Set([
  '/etcdserverpb.KV/RangeStream',
  '/etcdserverpb.Maintenance/Snapshot',
  '/v3electionpb.Election/Observe',
])
const bothStreams: ReadonlySet<string> = new Set([
  '/etcdserverpb.Lease/LeaseKeepAlive',
  '/etcdserverpb.Watch/Watch',
])

const codeNames: Readonly<Record<RpcCode, string>> = {
  [rpcCode.ok]: 'OK',
  [rpcCode.cancelled]: 'Canceled',
  [rpcCode.unknown]: 'Unknown',
  [rpcCode.invalidArgument]: 'InvalidArgument',
  [rpcCode.deadlineExceeded]: 'DeadlineExceeded',
  [rpcCode.notFound]: 'NotFound',
  [rpcCode.alreadyExists]: 'AlreadyExists',
  [rpcCode.permissionDenied]: 'PermissionDenied',
  [rpcCode.resourceExhausted]: 'ResourceExhausted',
  [rpcCode.failedPrecondition]: 'FailedPrecondition',
  [rpcCode.aborted]: 'Aborted',
  [rpcCode.outOfRange]: 'OutOfRange',
  [rpcCode.unimplemented]: 'Unimplemented',
  [rpcCode.internal]: 'Internal',
  [rpcCode.unavailable]: 'Unavailable',
  [rpcCode.dataLoss]: 'DataLoss',
  [rpcCode.unauthenticated]: 'Unauthenticated',
}

const handlingSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const labelNames = ['grpc_type', 'grpc_service', 'grpc_method']

interface Counted {
  readonly labels: Labels
  started: number
  received: number
  sent: number
  readonly handled: Map<RpcCode, number>
}

export function versionMetrics(metrics: Metrics): void {
  const told = (name: string, help: string, label: string, version: string): void =>
    metrics.observed({
      type: 'gauge',
      name,
      help,
      labelNames: [label],
      read: () => [{ value: 1, labels: { [label]: version } }],
    })
  const serves = "Version of etcd's API that is served"
  told('etcd_server_version', `${serves}.`, 'server_version', etcdVersion)
  const [major, minor] = etcdVersion.split('.')
  told('etcd_cluster_version', `${serves} by all.`, 'cluster_version', `${major}.${minor}`)
}

export function callMetrics(metrics: Metrics, clock: Clock, paths: Iterable<string>): RpcObserver {
  const methods = new Map<string, Counted>()
  for (const path of paths) methods.set(path, countedOf(path))
  let receivedBytes = 0
  let sentBytes = 0

  const perMethod = (name: string, help: string, read: (counted: Counted) => number): void => {
    metrics.observed({
      type: 'counter',
      name,
      help,
      labelNames,
      read: () =>
        [...methods.values()].map(counted => ({ value: read(counted), labels: counted.labels })),
    })
  }
  perMethod('grpc_server_started_total', 'Calls that have begun.', ({ started }) => started)
  perMethod(
    'grpc_server_msg_received_total',
    'Messages that came from clients.',
    ({ received }) => received,
  )
  perMethod('grpc_server_msg_sent_total', 'Messages that went to clients.', ({ sent }) => sent)
  metrics.observed({
    type: 'counter',
    name: 'grpc_server_handled_total',
    help: 'Calls that have ended, by the status they ended with.',
    labelNames: [...labelNames, 'grpc_code'],
    read: () => [...methods.values()].flatMap(handledSamples),
  })
  const total = (name: string, help: string, read: () => number): void =>
    metrics.observed({ type: 'counter', name, help, read })
  total(
    'etcd_network_client_grpc_received_bytes_total',
    'Bytes of messages that came from clients over gRPC.',
    () => receivedBytes,
  )
  total(
    'etcd_network_client_grpc_sent_bytes_total',
    'Bytes of messages that went to clients over gRPC.',
    () => sentBytes,
  )
  const handling = metrics.histogram(
    'grpc_server_handling_seconds',
    'Time of a call from its beginning to its end.',
    handlingSeconds,
    labelNames,
  )

  return {
    started(path): RpcCallObserver {
      const counted = methods.get(path) ?? countedOf(path)
      const startedMs = clock.monotonicMs()
      counted.started += 1
      return {
        received(bytes) {
          counted.received += 1
          receivedBytes += bytes
        },
        sent(bytes) {
          counted.sent += 1
          sentBytes += bytes
        },
        ended(code) {
          counted.handled.set(code, (counted.handled.get(code) ?? 0) + 1)
          handling.observe((clock.monotonicMs() - startedMs) / 1000, counted.labels)
        },
      }
    },
  }
}

function countedOf(path: string): Counted {
  const [, service = '', method = ''] = path.split('/')
  const type = serverStreams.has(path)
    ? 'server_stream'
    : bothStreams.has(path)
      ? 'bidi_stream'
      : 'unary'
  const labels = { grpc_type: type, grpc_service: service, grpc_method: method }
  return { labels, started: 0, received: 0, sent: 0, handled: new Map([[rpcCode.ok, 0]]) }
}

function handledSamples({ labels, handled }: Counted): Sample[] {
  return Array.from(handled, ([code, value]) => ({
    value,
    labels: { ...labels, grpc_code: codeNames[code] },
  }))
}
