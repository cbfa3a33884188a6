// `raftsman node`: kubelet and proxy of one node.

import type { Command } from 'commander'
import { mkdirSync } from 'node:fs'
import { isIP } from 'node:net'
import { ApiClient } from '../../orchestrator/client/rest-client.js'
import { startNode } from '../../orchestrator/node.js'
import type { RuntimeChoice } from '../../orchestrator/node-runtime.js'
import { grpcChannels } from '../../platform/node/grpc-channel.js'
import { nodeFiles } from '../../platform/node/node-files.js'
import { nodeProcesses } from '../../platform/node/processes.js'
import { UserError } from '../user-error.js'
import { apiserverFlag, openTransport } from './api-client.js'
import {
  type ComponentFlags,
  type ComponentParts,
  componentFlags,
  requiredTls,
  runComponent,
  type Running,
  tlsFlags,
} from './component.js'
import { dnsOptions, type NetworkFlags, networkFlags, proxyOptions } from './network-flags.js'

interface Flags extends ComponentFlags, NetworkFlags {
  readonly apiserver: string
  readonly dataDir: string
  readonly localVolumesDir?: string
  readonly listen: string
  readonly labels: Readonly<Record<string, string>>
  readonly stopPodsOnExit?: boolean
  readonly runtime: string
  readonly criEndpoint: string
  readonly seccompDefault?: boolean
  readonly clusterDns: readonly string[]
  readonly clusterDomain: string
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text.split(',').map(part => {
      const match = /^([^=]+)=([^=]*)$/.exec(part)
      if (match === null) throw new UserError(`"${part}" is not a label: write key=value.`)
      return [match[1] ?? '', match[2] ?? '']
    }),
  )
}

/** Where containerd listens as its packages install it. */
const defaultEndpoint = 'unix:///run/containerd/containerd.sock'

function parseAddresses(text: string): readonly string[] {
  const addresses = text.split(',')
  const wrong = addresses.find(address => isIP(address) === 0)
  if (wrong === undefined) return addresses
  throw new UserError(`"${wrong}" is not an address of a name server.`)
}

/** Lists of a busy machine are long. */
const answerBytesMax = 16 * 1024 * 1024

function runtimeChoice({ runtime, criEndpoint, seccompDefault }: Flags): RuntimeChoice {
  if (runtime === 'process') return { kind: 'process' }
  if (runtime !== 'cri') {
    throw new UserError(`There is no runtime "${runtime}": take process or cri.`)
  }
  if (!/^unix:\/\/\/./.test(criEndpoint)) {
    throw new UserError(`"${criEndpoint}" is not a socket: write unix:///path/of/it.`)
  }
  const channel = grpcChannels({ tls: null, answerBytesMax })(criEndpoint)
  return { kind: 'cri', channel, seccompDefault: seccompDefault === true }
}

export function define(command: Command): void {
  apiserverFlag(componentFlags(command))
    .requiredOption('--data-dir <folder>', 'state, volumes and logs of pods')
    .requiredOption('--listen <address>', 'host:port of the kubelet; the host is the InternalIP')
    .option('--local-volumes-dir <folder>', 'of volumes on this node; default: in the data folder')
    .option('--labels <labels>', 'of the node, as in zone=a,disk=ssd', parseLabels, {})
    .option('--stop-pods-on-exit', 'end the pods together with this process')
    .option('--runtime <name>', 'what runs containers: process (embedded) or cri', 'process')
    .option('--cri-endpoint <url>', 'socket of the CRI runtime', defaultEndpoint)
    .option('--seccomp-default', "the CRI runtime's seccomp profile for pods that name none")
    .option('--cluster-dns <addresses>', 'name servers of the cluster', parseAddresses, [])
    .option('--cluster-domain <name>', "end of the cluster's names", 'cluster.local')
  networkFlags(command)
  tlsFlags(command, '', "of the kubelet's server; the authority verifies its clients")
  tlsFlags(command, 'client-', 'of system:node:NAME, towards the API')
  command.action((flags: Flags) => runComponent('node', flags, parts => start(flags, parts)))
}

async function start(flags: Flags, parts: ComponentParts): Promise<Running> {
  const { clock, random, logger, metrics } = parts
  const listen = /^(.+):(\d+)$/.exec(flags.listen)
  if (listen === null) throw new UserError(`"${flags.listen}" is not an address: write host:port.`)
  const host = listen[1] ?? ''
  mkdirSync(flags.dataDir, { recursive: true, mode: 0o700 })
  const transport = openTransport(flags.apiserver, requiredTls(flags, 'client'), 'node', parts)
  const dns = dnsOptions(flags)
  const node = await startNode({
    nodeName: flags.name,
    client: new ApiClient({ transport, fieldManager: 'kubelet' }),
    tls: requiredTls(flags, ''),
    listen: { host, port: Number(listen[2]) },
    dataDirectory: flags.dataDir,
    ...(flags.localVolumesDir === undefined
      ? {}
      : { localVolumesDirectory: flags.localVolumesDir }),
    stopPodsOnExit: flags.stopPodsOnExit === true,
    runtime: runtimeChoice(flags),
    clusterDns: { servers: flags.clusterDns, domain: flags.clusterDomain },
    labels: flags.labels,
    clock,
    random,
    processes: nodeProcesses(),
    files: nodeFiles,
    logger,
    metrics,
    metricsText: () => metrics.text(),
    searchPath: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    proxy: proxyOptions(flags, host),
    ...(dns === null ? {} : { dns }),
  })
  return {
    async stop() {
      await node.stop()
      transport.close()
    },
  }
}
