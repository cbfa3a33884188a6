// `raftsman apiserver`: the API of one master over the store.

import { type Command, Option } from 'commander'
import { startApiserver } from '../../orchestrator/apiserver/apiserver.js'
import { nodeNetwork } from '../../platform/node/network.js'
import { StoreClient } from '../../store/client/store-client.js'
import type { Store } from '../../store/client/types.js'
import { historyOption } from '../span.js'
import { UserError } from '../user-error.js'
import { buildVersion } from '../version.js'
import { apiDescriptions } from './api-descriptions.js'
import {
  type ComponentFlags,
  type ComponentParts,
  componentFlags,
  requiredTls,
  runComponent,
  type Running,
  tlsFlags,
  tlsOf,
} from './component.js'
import { type EtcdFlags, etcdFlags, openEtcd } from './etcd-storage.js'

interface Flags extends ComponentFlags, EtcdFlags {
  readonly listen: string
  readonly storage: 'raftsman' | 'etcd'
  readonly store?: string
  readonly serviceCidr: string
  readonly advertise?: string
  readonly serviceAccountKeyFile?: string
  readonly history: number | null
}

export function define(command: Command): void {
  componentFlags(command)
    .requiredOption('--listen <address>', 'host:port of the API')
    .addOption(
      new Option('--storage <kind>', 'where objects are kept')
        .choices(['raftsman', 'etcd'])
        .default('raftsman'),
    )
    .option('--store <addresses>', 'client ports of store members, the own one first')
    .option('--service-cidr <cidr>', 'addresses of Services', '10.96.0.0/16')
    .option('--advertise <address>', 'host:port under which pods and others reach this server')
    .addOption(historyOption())
  command.option(
    '--service-account-key-file <file>',
    'signs tokens of service accounts; the same on every master, PEM',
  )
  tlsFlags(command, '', 'of the API; the authority also verifies client certificates')
  tlsFlags(command, 'store-', 'towards the store; plain when absent')
  etcdFlags(command)
  tlsFlags(command, 'kubelet-client-', 'towards kubelets, for logs')
  tlsFlags(command, 'proxy-client-', 'towards extension API servers, by an authority of its own')
  command.action((flags: Flags) => runComponent('apiserver', flags, parts => start(flags, parts)))
}

function hostAndPort(address: string): { host: string; port: number } {
  const match = /^(.+):(\d+)$/.exec(address)
  if (match === null) throw new UserError(`"${address}" is not an address: write host:port.`)
  return { host: match[1] ?? '', port: Number(match[2]) }
}

/** Members may come and go while an API server lives. */
const followMembersMs = 30_000

function openStorage(flags: Flags, parts: ComponentParts): Store {
  if (flags.storage === 'etcd') return openEtcd(flags, parts)
  if (flags.store === undefined)
    throw new UserError('--store is needed: the client ports of store members, as host:port.')
  const { clock, random, logger } = parts
  return new StoreClient({
    endpoints: flags.store.split(','),
    tls: tlsOf(flags, 'store'),
    clock,
    random,
    network: nodeNetwork(logger),
    logger,
    clientName: `apiserver-${flags.name}`,
    followMembersMs,
  })
}

async function start(flags: Flags, parts: ComponentParts): Promise<Running> {
  const { clock, random, logger, metrics } = parts
  const store = openStorage(flags, parts)
  const apiserver = await startApiserver({
    name: flags.name,
    ...hostAndPort(flags.listen),
    tls: requiredTls(flags, ''),
    kubeletClient: tlsOf(flags, 'kubeletClient'),
    proxyClient: tlsOf(flags, 'proxyClient'),
    store,
    serviceCidr: flags.serviceCidr,
    advertise: flags.advertise ?? null,
    historyRetentionMs: flags.history,
    ...(flags.serviceAccountKeyFile === undefined
      ? {}
      : { serviceAccountKeyFile: flags.serviceAccountKeyFile }),
    version: buildVersion,
    descriptions: apiDescriptions,
    clock,
    random,
    logger,
    metrics,
    metricsText: async () => ({ text: await metrics.text(), contentType: metrics.contentType }),
  })
  return {
    async stop() {
      await apiserver.close()
      store.close()
    },
  }
}
