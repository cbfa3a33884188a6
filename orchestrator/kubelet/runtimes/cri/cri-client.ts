// Calls of a CRI runtime over its socket, typed, with deadlines. Counterpart: cri-client's RemoteRuntimeService and
// RemoteImageService. Nothing is tried again here: the kubelet comes back to what is due.

import { RaftsmanError } from '../../../../platform/errors.js'
import type { MessageType } from '../../../../platform/protobuf-message.js'
import { type RpcCode, rpcCode } from '../../../../platform/rpc.js'
import type { RpcChannel, RpcFailure } from '../../../../platform/rpc-channel.js'
import * as messages from './messages.js'

/** Names as Go prints them, for users search for these texts. */
const codeNames: ReadonlyMap<RpcCode, string> = new Map(
  Object.entries(rpcCode).map(([name, code]) => [
    code,
    code === rpcCode.ok ? 'OK' : `${name[0]?.toUpperCase()}${name.slice(1)}`,
  ]),
)

/** What the runtime said, or that it could not be asked. */
export class CriError extends RaftsmanError {
  readonly rpc: RpcCode

  constructor({ code, message, sent }: RpcFailure) {
    super(`rpc error: code = ${codeNames.get(code) ?? code} desc = ${message}`, {
      code: 'cri',
      retryable: true,
      outcome: sent ? 'unknown' : 'not-applied',
    })
    this.rpc = code
  }
}

export const isNotFound = (error: unknown): boolean =>
  error instanceof CriError && error.rpc === rpcCode.notFound

const callMs = 120_000
const sandboxMs = 240_000
/** Layers come over networks; the runtime gives up by itself where nothing moves. */
const pullMs = 3_600_000
const lookMs = 10_000

/** `pullProgress` of the runtime and sums of usage may be beyond 2^53; the nearest number will do. */
const rounded = { rounded: true }

function method<A, T>(
  service: 'RuntimeService' | 'ImageService',
  name: string,
  request: MessageType<unknown, A>,
  response: MessageType<T, never>,
  defaultMs = callMs,
) {
  const path = `/runtime.v1.${service}/${name}`
  return (channel: RpcChannel, argument: A, deadlineMs = defaultMs): Promise<T> =>
    new Promise((resolve, reject) => {
      channel.call(path, request.encode(argument), {}, deadlineMs, answer => {
        if (answer.failure !== null) {
          reject(new CriError(answer.failure))
          return
        }
        try {
          resolve(response.decode(answer.message, rounded))
        } catch (error) {
          reject(error)
        }
      })
    })
}

const runtime = <A, T>(
  name: string,
  request: MessageType<unknown, A>,
  response: MessageType<T, never>,
  defaultMs?: number,
) => method('RuntimeService', name, request, response, defaultMs)

const calls = {
  version: runtime('Version', messages.VersionRequest, messages.VersionResponse, lookMs),
  status: runtime('Status', messages.StatusRequest, messages.StatusResponse, lookMs),
  updateRuntimeConfig: runtime(
    'UpdateRuntimeConfig',
    messages.UpdateRuntimeConfigRequest,
    messages.UpdateRuntimeConfigResponse,
    lookMs,
  ),
  runPodSandbox: runtime(
    'RunPodSandbox',
    messages.RunPodSandboxRequest,
    messages.RunPodSandboxResponse,
    sandboxMs,
  ),
  stopPodSandbox: runtime(
    'StopPodSandbox',
    messages.StopPodSandboxRequest,
    messages.StopPodSandboxResponse,
  ),
  removePodSandbox: runtime(
    'RemovePodSandbox',
    messages.RemovePodSandboxRequest,
    messages.RemovePodSandboxResponse,
  ),
  podSandboxStatus: runtime(
    'PodSandboxStatus',
    messages.PodSandboxStatusRequest,
    messages.PodSandboxStatusResponse,
    lookMs,
  ),
  listPodSandbox: runtime(
    'ListPodSandbox',
    messages.ListPodSandboxRequest,
    messages.ListPodSandboxResponse,
    lookMs,
  ),
  createContainer: runtime(
    'CreateContainer',
    messages.CreateContainerRequest,
    messages.CreateContainerResponse,
  ),
  startContainer: runtime(
    'StartContainer',
    messages.StartContainerRequest,
    messages.StartContainerResponse,
  ),
  stopContainer: runtime(
    'StopContainer',
    messages.StopContainerRequest,
    messages.StopContainerResponse,
  ),
  removeContainer: runtime(
    'RemoveContainer',
    messages.RemoveContainerRequest,
    messages.RemoveContainerResponse,
  ),
  reopenContainerLog: runtime(
    'ReopenContainerLog',
    messages.ReopenContainerLogRequest,
    messages.ReopenContainerLogResponse,
    lookMs,
  ),
  listContainers: runtime(
    'ListContainers',
    messages.ListContainersRequest,
    messages.ListContainersResponse,
    lookMs,
  ),
  containerStatus: runtime(
    'ContainerStatus',
    messages.ContainerStatusRequest,
    messages.ContainerStatusResponse,
    lookMs,
  ),
  execSync: runtime('ExecSync', messages.ExecSyncRequest, messages.ExecSyncResponse),
  exec: runtime('Exec', messages.ExecRequest, messages.ExecResponse),
  attach: runtime('Attach', messages.AttachRequest, messages.AttachResponse),
  listContainerStats: runtime(
    'ListContainerStats',
    messages.ListContainerStatsRequest,
    messages.ListContainerStatsResponse,
    lookMs,
  ),
  imageStatus: method(
    'ImageService',
    'ImageStatus',
    messages.ImageStatusRequest,
    messages.ImageStatusResponse,
    lookMs,
  ),
  pullImage: method(
    'ImageService',
    'PullImage',
    messages.PullImageRequest,
    messages.PullImageResponse,
    pullMs,
  ),
}

type Calls = typeof calls
type Bound<F> = F extends (channel: RpcChannel, argument: infer A, deadlineMs?: number) => infer R
  ? (argument: A, deadlineMs?: number) => R
  : never

export type CriClient = { readonly [K in keyof Calls]: Bound<Calls[K]> } & {
  /** Tells that some container began or ended, until `onEnd`, which says why there is no more. */
  watchEvents(onEvent: () => void, onEnd: (failure: RpcFailure | null) => void): { cancel(): void }
  close(): void
}

export function criClient(channel: RpcChannel): CriClient {
  const bound = Object.fromEntries(
    Object.entries(calls).map(([name, call]) => [
      name,
      (argument: never, deadlineMs?: number) => call(channel, argument, deadlineMs),
    ]),
  ) as unknown as { readonly [K in keyof Calls]: Bound<Calls[K]> }
  return {
    ...bound,
    watchEvents(onEvent, onEnd) {
      const stream = channel.open(
        '/runtime.v1.RuntimeService/GetContainerEvents',
        {},
        {
          // What it says is not looked at: the state is asked for.
          onMessage: onEvent,
          onEnd,
        },
      )
      stream.send(messages.GetEventsRequest.encode({}))
      stream.endSending()
      return stream
    },
    close: () => channel.close(),
  }
}
