// Clients of a real etcd, or of a member of ours that is spoken to as if it were one.

import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { grpcChannels } from '../../../platform/node/grpc-channel.js'
import type { GrpcTls } from '../../../platform/node/grpc-channel.js'
import { nodeRandom } from '../../../platform/node/random.js'
import { EtcdStore, etcdAnswerBytesMax } from '../../client/etcd-store.js'
import type { EtcdStoreOptions } from '../../client/etcd-store.js'

export function etcdClientOf(
  endpoints: readonly string[],
  options: Partial<EtcdStoreOptions> & { readonly tls?: GrpcTls } = {},
): EtcdStore {
  return new EtcdStore({
    endpoints,
    open: grpcChannels({ tls: options.tls ?? null, answerBytesMax: etcdAnswerBytesMax }),
    clock: nodeClock(),
    random: nodeRandom(),
    logger: silentLogger,
    ...options,
  })
}
