// Which runtime the pods of a node process get: the embedded one, or one that is installed on the machine and speaks the CRI.
// Counterpart: the kubelet's --container-runtime-endpoint.

import { resolve } from 'node:path'
import type { Clock } from '../platform/clock.js'
import type { Files } from '../platform/files.js'
import type { Logger } from '../platform/logger.js'
import type { Processes } from '../platform/processes.js'
import type { Random } from '../platform/random.js'
import type { RpcChannel } from '../platform/rpc-channel.js'
import type { Runtime } from './kubelet/runtime.js'
import { CriRuntime } from './kubelet/runtimes/cri/cri-runtime.js'
import { ProcessRuntime } from './kubelet/runtimes/process/process-runtime.js'

export type RuntimeChoice =
  | { readonly kind: 'process' }
  | {
      readonly kind: 'cri'
      readonly channel: RpcChannel
      /** Pods that name no seccomp profile get the runtime's own. */
      readonly seccompDefault: boolean
      /** Silence of the runtime that is borne before the node says that it is not ready. */
      readonly downAfterMs?: number
    }

export interface NodeRuntimeOptions {
  readonly runtime?: RuntimeChoice
  readonly dataDirectory: string
  readonly files: Files
  readonly processes: Processes
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly searchPath: string
}

const processRuntimeVersion = '0.1.0'

export function runtimeOf(options: NodeRuntimeOptions): Runtime {
  const { dataDirectory, files, processes, clock, random, logger, searchPath, runtime } = options
  const shared = { files, clock, random, logger }
  if (runtime?.kind === 'cri') {
    const { channel, seccompDefault, downAfterMs } = runtime
    return new CriRuntime({
      ...shared,
      // The runtime has a working directory of its own.
      dataDirectory: resolve(dataDirectory),
      channel,
      seccompDefault,
      ...(downAfterMs === undefined ? {} : { downAfterMs }),
    })
  }
  const version = processRuntimeVersion
  return new ProcessRuntime({ ...shared, dataDirectory, processes, searchPath, version })
}
