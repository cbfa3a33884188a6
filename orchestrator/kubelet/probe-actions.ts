// One try of one probe or hook: an HTTP request, a connection or a command.
// Counterpart: pkg/probe of Kubernetes. Redirects are not followed: a container must not choose
// what the node connects to. Left out: gRPC.

import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { Container, LifecycleHandler, Probe } from '../api/types/core-container.js'
import { type Runtime, RuntimeError } from './runtime.js'

export interface ActionResult {
  readonly succeeded: boolean
  /** Why it failed; '' when it did not. */
  readonly message: string
}

export interface ActionTarget {
  readonly runtime: Runtime
  readonly container: Container
  readonly containerId: string
  readonly podAddress: string
  readonly timeoutMs: number
}

const bodyBytesMax = 10 * 1024

/** Errors of sockets in the words that users of Kubernetes know. */
const socketErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  ECONNRESET: 'read: connection reset by peer',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
}

function describeError(error: Error, host: string, port: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') {
    return 'context deadline exceeded'
  }
  const known = 'code' in error ? socketErrors[String(error.code)] : undefined
  return known === undefined ? error.message : `dial tcp ${host}:${port}: ${known}`
}
const success: ActionResult = { succeeded: true, message: '' }
const failure = (message: string): ActionResult => ({ succeeded: false, message })

/** Throws where nobody can say how it went. */
export async function runAction(
  action: Probe | LifecycleHandler,
  target: ActionTarget,
): Promise<ActionResult> {
  if (action.exec) return runCommand(action.exec.command ?? [], target)
  if (action.httpGet) {
    const { host, path = '/', scheme = 'HTTP', httpHeaders = [] } = action.httpGet
    const port = portNumber(target.container, action.httpGet.port)
    if (port === null) return failure(`no port named "${action.httpGet.port}"`)
    const headers = new Map([
      ['user-agent', 'kube-probe/1.32'],
      ['accept', '*/*'],
      ...httpHeaders.map(({ name, value }) => [name.toLowerCase(), value] as const),
    ])
    return httpGet({
      secure: scheme === 'HTTPS',
      host: host || target.podAddress,
      port,
      path: path.startsWith('/') ? path : `/${path}`,
      headers: Object.fromEntries(headers),
      timeoutMs: target.timeoutMs,
    })
  }
  if (action.tcpSocket) {
    const port = portNumber(target.container, action.tcpSocket.port)
    if (port === null) return failure(`no port named "${action.tcpSocket.port}"`)
    return connect(action.tcpSocket.host || target.podAddress, port, target.timeoutMs)
  }
  return failure('this node knows probes and hooks of the kinds exec, httpGet and tcpSocket')
}

function portNumber(container: Container, port: number | string): number | null {
  if (typeof port === 'number') return port
  const named = container.ports?.find(({ name }) => name === port)
  if (named !== undefined) return named.containerPort
  return /^\d{1,5}$/.test(port) ? Number(port) : null
}

async function runCommand(
  command: readonly string[],
  { runtime, containerId, timeoutMs }: ActionTarget,
): Promise<ActionResult> {
  try {
    const { code, output, timedOut } = await runtime.exec(containerId, command, timeoutMs)
    if (timedOut) return failure(`command timed out: "${command.join(' ')}" timed out`)
    return code === 0 ? success : failure(output)
  } catch (error) {
    if (error instanceof RuntimeError && error.code !== 'runtime-unavailable') {
      return failure(error.message)
    }
    throw error
  }
}

interface HttpGet {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

function httpGet({ secure, host, port, path, headers, timeoutMs }: HttpGet): Promise<ActionResult> {
  const url = `${secure ? 'https' : 'http'}://${host}:${port}${path}`
  return new Promise(resolve => {
    const options = {
      host,
      port,
      path,
      headers: { ...headers, connection: 'close' },
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      // A pod's certificate says nothing that the node could check; the original does not either.
      ...(secure ? { rejectUnauthorized: false } : {}),
    } as const
    const fail = (error: Error): void => {
      resolve(failure(`Get "${url}": ${describeError(error, host, port)}`))
    }
    const answered = (response: http.IncomingMessage): void => {
      const status = response.statusCode ?? 0
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > bodyBytesMax) response.destroy()
      })
      response.on('error', () => {})
      response.on('close', () => {
        const good = status >= 200 && status < 400
        resolve(good ? success : failure(`HTTP probe failed with statuscode: ${status}`))
      })
    }
    try {
      const request = secure ? https.get(options, answered) : http.get(options, answered)
      request.on('error', fail)
    } catch (error) {
      // A path or header that HTTP does not allow.
      fail(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

function connect(host: string, port: number, timeoutMs: number): Promise<ActionResult> {
  return new Promise(resolve => {
    const socket = net.connect({ host, port, timeout: timeoutMs })
    const end = (result: ActionResult): void => {
      socket.destroy()
      resolve(result)
    }
    socket.once('connect', () => end(success))
    socket.once('timeout', () => end(failure(`dial tcp ${host}:${port}: i/o timeout`)))
    socket.once('error', error => end(failure(describeError(error, host, port))))
  })
}
