// Flags of `raftsman node` and `raftsman dns` about the network: how Services are led, and who answers names.

import type { Command } from 'commander'
import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { delimiter, join } from 'node:path'
import type { DnsOptions } from '../../orchestrator/dns/start-dns.js'
import { parseResolvConf } from '../../orchestrator/kubelet/pod-dns.js'
import type { ProxyOptions } from '../../orchestrator/node-network.js'
import { cidr } from '../../orchestrator/api/validation/names.js'
import { UserError } from '../user-error.js'

export interface NetworkFlags {
  readonly proxyMode: 'userspace' | 'nftables'
  readonly clusterCidr: readonly string[]
  readonly nodeportAddresses?: readonly string[]
  readonly masqueradeAll?: boolean
  readonly proxyHealthListen?: HostAndPort
  readonly dnsListen?: HostAndPort
  readonly dnsUpstreams?: readonly HostAndPort[]
  readonly clusterDns: readonly string[]
  readonly clusterDomain: string
}

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

const healthPort = 10_256
const dnsPort = 53
/** Of the packet mark, as upstream has it. */
const masqueradeBit = 14

/** As in "10.0.0.1:53" or "[fd00::1]:53"; the port may be left out where there is a usual one. */
function parseHostAndPort(text: string, usualPort: number | null): HostAndPort {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? (isIP(text) === 6 ? text : '')
  const port = match?.[3] === undefined ? usualPort : Number(match[3])
  if (isIP(host) === 0 || port === null || port > 65_535) {
    throw new UserError(`"${text}" is not an address: write host:port, with the host as a number.`)
  }
  return { host, port }
}

function parseRanges(text: string): readonly string[] {
  const ranges = text.split(',')
  const wrong = ranges.find(range => cidr(range).length > 0)
  if (wrong === undefined) return ranges
  throw new UserError(`"${wrong}" is not a network: write it as in 10.244.0.0/16.`)
}

function parseMode(text: string): 'userspace' | 'nftables' {
  if (text === 'userspace' || text === 'nftables') return text
  throw new UserError(`There is no proxy mode "${text}": take userspace or nftables.`)
}

const address = (text: string): HostAndPort => parseHostAndPort(text, null)

export const dnsUpstreamsFlag = (command: Command, name: string): Command =>
  command.option(
    `--${name} <addresses>`,
    'who is asked for names from elsewhere; default: those of /etc/resolv.conf',
    (text: string) => text.split(',').map(one => parseHostAndPort(one, dnsPort)),
  )

export function networkFlags(command: Command): Command {
  command
    .option('--proxy-mode <mode>', 'userspace, or nftables (root)', parseMode, 'userspace')
    .option('--cluster-cidr <cidrs>', 'pod addresses; for nftables', parseRanges, ['10.244.0.0/16'])
    .option(
      '--nodeport-addresses <cidrs>',
      'addresses with node ports; default: the InternalIP',
      parseRanges,
    )
    .option('--masquerade-all', 'hide clients of cluster IPs from backends; for nftables')
    .option(
      '--proxy-health-listen <address>',
      `/healthz and /livez of nftables; default: port ${healthPort}`,
      address,
    )
    .option('--dns-listen <address>', 'answer names of the cluster here', address)
  return dnsUpstreamsFlag(command, 'dns-upstreams')
}

/** `host` is the InternalIP. */
export function proxyOptions(flags: NetworkFlags, host: string): ProxyOptions {
  if (flags.proxyMode === 'userspace') return { mode: 'userspace', nodeAddresses: [host] }
  if (process.getuid?.() !== 0) throw new UserError('--proxy-mode nftables needs root.')
  if (!programFolders().some(folder => existsSync(join(folder, 'nft')))) {
    throw new UserError('--proxy-mode nftables needs the program nft: install nftables.')
  }
  return {
    mode: 'nftables',
    clusterCidrs: flags.clusterCidr,
    nodePortAddresses: flags.nodeportAddresses ?? [`${host}/${isIP(host) === 6 ? 128 : 32}`],
    masqueradeAll: flags.masqueradeAll === true,
    masqueradeBit,
    healthHosts: [host],
    healthListen: flags.proxyHealthListen ?? { host, port: healthPort },
  }
}

const programFolders = (): readonly string[] => [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/sbin',
  '/sbin',
]

export function dnsOptions({
  dnsListen,
  dnsUpstreams,
  clusterDns,
  clusterDomain,
}: NetworkFlags): DnsOptions | null {
  if (dnsListen === undefined) return null
  const ours = new Set([...clusterDns, dnsListen.host])
  return {
    listen: dnsListen,
    clusterDomain,
    serverAddresses: clusterDns.length > 0 ? clusterDns : [dnsListen.host],
    upstreams: dnsUpstreams ?? machineUpstreams(ours),
  }
}

/** Without our own addresses: a question would go round for ever. */
export function machineUpstreams(ours: ReadonlySet<string>): readonly HostAndPort[] {
  let text = ''
  try {
    text = readFileSync('/etc/resolv.conf', 'utf8')
  } catch {
    // A machine without the file asks nobody.
  }
  return parseResolvConf(text)
    .servers.filter(host => isIP(host) !== 0 && !ours.has(host))
    .map(host => ({ host, port: dnsPort }))
}
