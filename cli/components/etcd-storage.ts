// The flags of an API server whose objects an etcd cluster keeps. Their names are those of Kubernetes'
// own API server, so that a configuration can be carried over; the prefix is another one, so that
// the two never take each other's objects for their own.

import type { Command } from 'commander'
import { type GrpcTls, grpcChannels } from '../../platform/node/grpc-channel.js'
import { EtcdStore, etcdAnswerBytesMax } from '../../store/client/etcd-store.js'
import { prefixedStore } from '../../store/client/prefixed-store.js'
import type { Store } from '../../store/client/types.js'
import { UserError } from '../user-error.js'
import type { ComponentParts } from './component.js'

export interface EtcdFlags {
  readonly etcdServers?: string
  readonly etcdCafile?: string
  readonly etcdCertfile?: string
  readonly etcdKeyfile?: string
  readonly etcdPrefix: string
}

export function etcdFlags(command: Command): void {
  command
    .option('--etcd-servers <urls>', 'with --storage etcd: client URLs, with commas between')
    .option('--etcd-cafile <file>', 'authority of the etcd servers, PEM')
    .option('--etcd-certfile <file>', 'certificate towards them, PEM')
    .option('--etcd-keyfile <file>', 'its key, PEM')
    .option('--etcd-prefix <prefix>', 'of all keys in etcd', '/raftsman')
}

interface Servers {
  readonly endpoints: readonly string[]
  readonly secure: boolean
}

/** Exported for its test. */
export function serversOf(text: string | undefined): Servers {
  if (text === undefined || text === '')
    throw new UserError('--storage etcd needs --etcd-servers, as in https://10.0.0.1:2379.')
  const urls = text.split(',').map(one => {
    const match = /^(https?):\/\/([^/]+:\d+)\/?$/.exec(one)
    if (match === null)
      throw new UserError(`"${one}" is no URL of an etcd server: write https://host:port.`)
    return { secure: match[1] === 'https', endpoint: match[2] ?? '' }
  })
  const secure = urls[0]?.secure === true
  if (urls.some(url => url.secure !== secure))
    throw new UserError('--etcd-servers takes http or https URLs, not both.')
  return { endpoints: urls.map(({ endpoint }) => endpoint), secure }
}

function tlsOf(flags: EtcdFlags, secure: boolean): GrpcTls | null {
  const { etcdCafile, etcdCertfile, etcdKeyfile } = flags
  const given = [etcdCafile, etcdCertfile, etcdKeyfile].some(file => file !== undefined)
  if (!secure) {
    if (given) throw new UserError('Certificates are for etcd servers with https URLs.')
    return null
  }
  if (etcdCafile === undefined)
    throw new UserError('--etcd-cafile is needed for etcd servers with https URLs.')
  if (etcdCertfile === undefined && etcdKeyfile === undefined) {
    return { caFile: etcdCafile, identity: null }
  }
  if (etcdCertfile === undefined || etcdKeyfile === undefined)
    throw new UserError('--etcd-certfile and --etcd-keyfile go together.')
  return { caFile: etcdCafile, identity: { certFile: etcdCertfile, keyFile: etcdKeyfile } }
}

export function openEtcd(flags: EtcdFlags, parts: ComponentParts): Store {
  const { endpoints, secure } = serversOf(flags.etcdServers)
  const tls = tlsOf(flags, secure)
  const { clock, random, logger } = parts
  const open = grpcChannels({ tls, answerBytesMax: etcdAnswerBytesMax })
  const store = new EtcdStore({ endpoints, open, clock, random, logger })
  return prefixedStore(store, new TextEncoder().encode(flags.etcdPrefix))
}
