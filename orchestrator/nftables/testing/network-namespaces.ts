// Network namespaces that a test makes and takes away: a node that routes, pods behind it, and machines
// outside, each with a process of its own that listens and asks. Needs root.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { must } from '../../../platform/errors.js'
import { nodeProcesses } from '../../../platform/node/processes.js'
import type { Processes } from '../../../platform/processes.js'

/** Programs of the system may be where only root looks. */
export const systemPath = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

const agentFile = join(import.meta.dirname, 'agent.mjs')
/** How long silence lasts until it counts as one. */
const silenceMs = 700

export function run(command: string, args: readonly string[], input = ''): string {
  const env = { ...process.env, PATH: systemPath }
  const result = spawnSync(command, args, { encoding: 'utf8', input, env })
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ${result.stderr || String(result.error)}`)
  }
  return result.stdout
}

export interface Asked {
  readonly answer?: string
  /** "ECONNREFUSED", "timeout", … */
  readonly error?: string
}

export class Namespace {
  readonly name: string
  #agent: ChildProcess | null = null
  readonly #waiting = new Map<number, (result: Asked) => void>()
  #next = 0

  constructor(label: string) {
    this.name = `raftsman-${randomBytes(4).toString('hex')}-${label}`
    run('ip', ['netns', 'add', this.name])
    // Else an address could not be used in its first second.
    this.setting('net/ipv6/conf/default/accept_dad', '0')
    this.ip('link set lo up')
  }

  /** One command of `ip` a line. */
  ip(...lines: readonly string[]): void {
    run('ip', ['-n', this.name, '-batch', '-'], `${lines.join('\n')}\n`)
  }

  exec(...command: readonly string[]): string {
    return run('ip', ['netns', 'exec', this.name, ...command])
  }

  /** As in "net/ipv4/ip_forward". */
  setting(path: string, value: string): void {
    this.exec('sh', '-c', `echo ${value} > /proc/sys/${path}`)
  }

  async listen(protocol: 'tcp' | 'udp', port: number, name: string, host = '0.0.0.0') {
    const op = protocol === 'tcp' ? 'listenTcp' : 'listenUdp'
    const result = await this.#tell({ op, host, port, name }).done
    if ((result as unknown) !== 'listening') throw new Error(`${name}: ${JSON.stringify(result)}`)
  }

  /** "name address" as the server says it, or what went wrong. */
  async ask(
    protocol: 'tcp' | 'udp',
    host: string,
    port: number,
    from: { readonly localPort?: number; readonly localAddress?: string } = {},
  ): Promise<string> {
    const op = protocol === 'tcp' ? 'askTcp' : 'askUdp'
    const { answer, error } = await this.#tell({ op, host, port, ...from, timeoutMs: silenceMs })
      .done
    return answer ?? error ?? ''
  }

  /** A connection that stands, on which `say` answers what comes back. */
  async hold(host: string, port: number): Promise<(text: string) => Promise<string>> {
    const { id, done } = this.#tell({ op: 'hold', host, port, timeoutMs: silenceMs })
    const { error } = await done
    if (error !== undefined) throw new Error(`no connection: ${error}`)
    return async text => {
      const said = await this.#tell({ op: 'say', on: id, text, timeoutMs: silenceMs }).done
      return said.answer ?? said.error ?? ''
    }
  }

  /** That of the machine, whose children live in here. */
  get processes(): Processes {
    const machine = nodeProcesses()
    return {
      ...machine,
      spawn: (spec, onExit, onError) => {
        const args = ['netns', 'exec', this.name, spec.command, ...spec.args]
        return machine.spawn({ ...spec, command: 'ip', args }, onExit, onError)
      },
    }
  }

  remove(): void {
    this.#agent?.kill('SIGKILL')
    run('ip', ['netns', 'del', this.name])
  }

  #startAgent(): ChildProcess {
    const command = ['netns', 'exec', this.name, process.execPath, agentFile]
    const agent = spawn('ip', command, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PATH: systemPath },
    })
    createInterface({ input: must(agent.stdout, 'a pipe') }).on('line', line => {
      const { id, result } = JSON.parse(line) as { id: number; result: Asked }
      this.#waiting.get(id)?.(result)
      this.#waiting.delete(id)
    })
    return agent
  }

  #tell(command: object): { readonly id: number; readonly done: Promise<Asked> } {
    const id = this.#next
    this.#next += 1
    const done = new Promise<Asked>(resolve => this.#waiting.set(id, resolve))
    this.#agent ??= this.#startAgent()
    this.#agent.stdin?.write(`${JSON.stringify({ ...command, id })}\n`)
    return { id, done }
  }
}

/**
 * A node with pods, and a machine outside that is another node too:
 *
 *   pod 10.244.1.x ── 10.244.1.1 node 192.168.50.1 ── 192.168.50.2 outside (also 10.244.2.2, 10.244.2.3)
 */
export class NodeNetwork {
  readonly node: Namespace
  readonly outside: Namespace
  readonly #pods: Namespace[] = []

  constructor() {
    this.node = new Namespace('node')
    this.outside = new Namespace('outside')
    const { node, outside } = this
    node.ip(
      `link add uplink type veth peer name uplink netns ${outside.name}`,
      'addr add 192.168.50.1/24 dev uplink',
      'addr add fd50::1/64 dev uplink nodad',
      'link set uplink up',
      'route add default via 192.168.50.2',
    )
    outside.ip(
      'addr add 192.168.50.2/24 dev uplink',
      'addr add fd50::2/64 dev uplink nodad',
      'addr add 10.244.2.2/32 dev lo',
      'addr add 10.244.2.3/32 dev lo',
      'link set uplink up',
      // Whatever is asked for from outside goes through the node, service addresses too.
      'route add default via 192.168.50.1',
    )
    node.ip('route add default via fd50::2')
    outside.ip('route add default via fd50::1')
    node.setting('net/ipv4/ip_forward', '1')
    node.setting('net/ipv6/conf/all/forwarding', '1')
  }

  /** At 10.244.1.<host> and fd44::<host>. */
  pod(host: number): Namespace {
    const pod = new Namespace(`pod-${host}`)
    this.#pods.push(pod)
    const link = `pod-${host}`
    this.node.ip(
      `link add ${link} type veth peer name eth0 netns ${pod.name}`,
      `addr add 10.244.1.1/32 dev ${link}`,
      `addr add fd44::1/128 dev ${link} nodad`,
      `link set ${link} up`,
      `route add 10.244.1.${host}/32 dev ${link}`,
      `route add fd44::${host}/128 dev ${link}`,
    )
    pod.ip(
      `addr add 10.244.1.${host}/32 dev eth0`,
      `addr add fd44::${host}/128 dev eth0 nodad`,
      'link set eth0 up',
      'route add 10.244.1.1 dev eth0',
      'route add default via 10.244.1.1',
      'route add fd44::1 dev eth0',
      'route add default via fd44::1',
    )
    return pod
  }

  remove(): void {
    for (const namespace of [...this.#pods, this.outside, this.node]) namespace.remove()
  }
}

export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const value = await probe()
    if (value !== null && value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`it did not happen within 15 s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
