// The paths of the kubelet's server that turn into streams: /exec, /attach and /portForward. Counterpart:
// pkg/kubelet/server and its streaming server. Which API server asks was settled by its certificate,
// and what its user may do by that API server.

import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Container } from '../api/types/core-container.js'
import type { Pod } from '../api/types/core-pod.js'
import { brokenStatus, exitStatus } from '../streams/exit-status.js'
import type { CommandOptions, CommandSession } from '../streams/remote-command.js'
import { upgradeToCommand, upgradeToPortForward } from '../streams/server-upgrade.js'
import type { UpgradeRefusal, UpgradeRequest } from '../streams/server-upgrade.js'
import { StreamError } from '../streams/stream-error.js'
import { defaultStreamLimits } from '../streams/stream-watch.js'
import type { ContainerRecord, Runtime } from './runtime.js'
import { mayAskKubelet, type PeerSubject } from './server-authorization.js'

export interface StreamEndpointsOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly runtime: Runtime
  /** Of pods on the machine's own network. */
  readonly hostAddress: string
  readonly pods: () => readonly Pod[]
}

const sessionsMax = 256
const portsMax = 64

export const findPod = (pods: readonly Pod[], namespace: string, name: string): Pod | undefined =>
  pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)

export class StreamEndpoints {
  readonly #options: StreamEndpointsOptions
  readonly #open = new Set<UpgradeRequest>()

  constructor(options: StreamEndpointsOptions) {
    this.#options = options
  }

  /** Never rejects: what goes wrong is answered, or ends the connection. */
  async handle(upgrade: UpgradeRequest, subject: PeerSubject): Promise<void> {
    const { request, socket } = upgrade
    socket.on('error', () => socket.destroy())
    this.#open.add(upgrade)
    socket.once('close', () => this.#open.delete(upgrade))
    try {
      const refusal = await this.#serve(upgrade, subject)
      if (refusal !== null) refuse(upgrade, refusal)
    } catch (error) {
      // Clients leave; that is no news.
      if (!(error instanceof StreamError)) {
        this.#options.logger.error({ error, path: request.url }, 'stream failed')
      }
      socket.destroy()
    }
  }

  close(): void {
    for (const { socket } of this.#open) socket.destroy()
  }

  async #serve(upgrade: UpgradeRequest, subject: PeerSubject): Promise<UpgradeRefusal | null> {
    if (!mayAskKubelet(subject)) {
      return { status: 403, text: `Forbidden: ${subject.commonName} may not ask this kubelet` }
    }
    if (this.#open.size > sessionsMax) {
      return { status: 429, text: `more than ${sessionsMax} streams are open on this node` }
    }
    const url = new URL(upgrade.request.url ?? '/', 'https://kubelet')
    const [, what, ...place] = url.pathname.split('/')
    const [namespace = '', podName = '', containerName = ''] = place.map(decodeURIComponent)
    const pod = findPod(this.#options.pods(), namespace, podName)
    if (what === 'portForward' && place.length === 2) {
      return pod === undefined ? noPod : this.#portForward(upgrade, pod, url.searchParams)
    }
    if ((what !== 'exec' && what !== 'attach') || place.length !== 3) {
      return { status: 404, text: '404 page not found' }
    }
    if (pod === undefined) return noPod
    const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
      ({ name }) => name === containerName,
    )
    const run = this.#options.runtime
      .containers(pod.metadata.uid ?? '')
      .findLast(({ name, exit }) => name === containerName && exit === null)
    if (container === undefined || run === undefined) {
      return { status: 500, text: `container not found ("${containerName}")` }
    }
    return what === 'exec'
      ? this.#exec(upgrade, run, url.searchParams)
      : this.#attach(upgrade, run, container, url.searchParams)
  }

  async #exec(
    upgrade: UpgradeRequest,
    { id }: ContainerRecord,
    query: URLSearchParams,
  ): Promise<UpgradeRefusal | null> {
    const options = commandOptions(query)
    const command = query.getAll('command')
    if (options === null) return noStreams
    if (command.length === 0) return { status: 400, text: 'you must specify a command' }
    return this.#command(upgrade, options, session =>
      this.#options.runtime.execSession(id, command, options.tty, session.streams),
    )
  }

  async #attach(
    upgrade: UpgradeRequest,
    { id }: ContainerRecord,
    container: Container,
    query: URLSearchParams,
  ): Promise<UpgradeRefusal | null> {
    const options = commandOptions(query)
    if (options === null) return noStreams
    return this.#command(upgrade, options, async session => {
      await this.#options.runtime.attach(id, container, session.streams)
      return 0
    })
  }

  async #command(
    upgrade: UpgradeRequest,
    options: CommandOptions,
    work: (session: CommandSession) => Promise<number>,
  ): Promise<UpgradeRefusal | null> {
    const session = await upgradeToCommand(upgrade, options, this.#shell())
    if ('status' in session) return session
    let status = exitStatus(0)
    try {
      status = exitStatus(await work(session))
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      status = brokenStatus(
        `Internal error occurred: error executing command in container: ${error.message}`,
      )
    }
    await session.finish(status)
    return null
  }

  async #portForward(
    upgrade: UpgradeRequest,
    pod: Pod,
    query: URLSearchParams,
  ): Promise<UpgradeRefusal | null> {
    const { uid = '', name = '' } = pod.metadata
    const { runtime, hostAddress } = this.#options
    const sandbox = runtime.sandbox(uid)
    if (sandbox?.ready !== true) {
      return { status: 500, text: `pod ${name} is not running` }
    }
    const ports: number[] = []
    for (const text of query.getAll('ports').flatMap(list => list.split(','))) {
      const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
      if (port < 1 || port > 65_535) {
        return { status: 400, text: `invalid port "${text}"` }
      }
      ports.push(port)
    }
    if (ports.length > portsMax) return { status: 400, text: `more than ${portsMax} ports` }
    const target = { address: sandbox.address ?? hostAddress, podName: name }
    return upgradeToPortForward(upgrade, ports, target, this.#shell())
  }

  #shell() {
    return { clock: this.#options.clock, limits: defaultStreamLimits }
  }
}

const noPod: UpgradeRefusal = { status: 404, text: 'pod does not exist' }
const noStreams: UpgradeRefusal = {
  status: 400,
  text: 'you must specify at least 1 of stdin, stdout, stderr',
}

/** As API servers name them. Null when nothing at all is asked for. */
function commandOptions(query: URLSearchParams): CommandOptions | null {
  const flag = (name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '')
  const options = {
    stdin: flag('input'),
    stdout: flag('output'),
    stderr: flag('error'),
    tty: flag('tty'),
  }
  return options.stdin || options.stdout || options.stderr ? options : null
}

function refuse({ socket }: UpgradeRequest, { status, text }: UpgradeRefusal): void {
  const body = `${text}\n`
  const lines = [
    `HTTP/1.1 ${status} Refused`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
