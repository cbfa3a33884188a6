// The network between the machines: ways with delays and blockades, and connections over them. It
// stands where platform/node/network.ts stands in production.

import type { ConnectOptions, Link, LinkHandlers, ListenOptions } from '../../platform/network.js'
import type { Listener, Network } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import type { Acceptance, ConnectionEvents } from './connection.js'
import { Connection, End } from './connection.js'
import type { Scheduler, SimProcess } from './scheduler.js'
import type { WayPace } from './way.js'
import { Way } from './way.js'

interface Listening {
  readonly process: SimProcess
  readonly options: ListenOptions
  readonly handlers: LinkHandlers
}

export interface SimNetworkOptions {
  readonly scheduler: Scheduler
  readonly pace: WayPace
  readonly randomOf: (from: number, to: number) => Random
  readonly powered: (machine: number) => boolean
  /** The machine behind an address; null when there is none. */
  readonly machineAt: (
    address: string,
  ) => { readonly id: number; process: SimProcess | null } | null
  /** A frame leaves a process; `path` tells what is spoken. */
  readonly sent: (path: string, bytes: Uint8Array) => void
  readonly delivered: (path: string, to: SimProcess, bytes: Uint8Array) => void
  readonly lost: (frames: number) => void
}

export class SimNetwork {
  private readonly options: SimNetworkOptions
  private readonly ways = new Map<number, Way>()
  private readonly listeners = new Map<string, Listening>()
  private connections: Connection[] = []
  private nextId = 1
  private readonly events: ConnectionEvents

  constructor(options: SimNetworkOptions) {
    this.options = options
    this.events = {
      delivered: (connection, from, bytes) =>
        options.delivered(connection.path, connection.otherOf(from).process, bytes),
      lost: (_connection, frames) => options.lost(frames),
    }
  }

  way(from: number, to: number): Way {
    const key = from * 1000 + to
    const known = this.ways.get(key)
    if (known !== undefined) return known
    const { randomOf, pace, powered } = this.options
    const made = new Way({ from, to }, randomOf(from, to), pace, () => powered(from))
    this.ways.set(key, made)
    return made
  }

  /** Connections that some process still holds. */
  living(): readonly Connection[] {
    this.connections = this.connections.filter(connection => !connection.over)
    return this.connections.filter(({ near, far }) => near.process.alive && far.process.alive)
  }

  /** What one process sees of it. */
  of(process: SimProcess): Network {
    return {
      listen: (options, handlers, ready) => this.listen(process, options, handlers, ready),
      connect: (options, handlers) => this.connect(process, options, handlers),
    }
  }

  /** A process is gone. Its kernel says so, unless the whole machine is gone. */
  died(process: SimProcess, kernelSaysSo: boolean): void {
    for (const [address, listening] of this.listeners)
      if (listening.process === process) this.listeners.delete(address)
    for (const connection of this.connections) {
      for (const end of [connection.near, connection.far]) {
        if (end.process !== process || end.state === 'closed') continue
        if (kernelSaysSo && end.state !== 'opening') {
          end.state = 'closed'
          connection.send(end, { kind: 'close', reason: 'connection reset' })
        } else {
          end.state = 'closed'
          end.lane.length = 0
        }
      }
    }
  }

  private listen(
    process: SimProcess,
    options: ListenOptions,
    handlers: LinkHandlers,
    ready: (error: Error | null, listener?: Listener) => void,
  ): void {
    const { scheduler } = this.options
    const { address } = options
    scheduler.after(0, 'link', process, () => {
      if (this.listeners.has(address)) {
        ready(new Error(`address ${address} is in use`))
        return
      }
      this.listeners.set(address, { process, options, handlers })
      ready(null, {
        address,
        close: done => {
          this.listeners.delete(address)
          for (const connection of this.connections)
            if (connection.far.handlers === handlers) connection.close(connection.far, 'closed')
          scheduler.after(0, 'link', process, done)
        },
      })
    })
  }

  private connect(process: SimProcess, options: ConnectOptions, handlers: LinkHandlers): Link {
    const { scheduler, machineAt } = this.options
    const target = machineAt(options.address)
    // Where nobody is, a process that is no more stands for the silence.
    const farProcess = target?.process ?? deadProcess(target?.id ?? 0)
    const toFar = this.way(process.machine, farProcess.machine)
    const toNear = this.way(farProcess.machine, process.machine)
    let made: Connection | null = null
    const linkOf = (end: End): Link => ({
      remote: end === made?.far ? `m${process.machine}` : options.address,
      peerName: null,
      get bufferedBytes() {
        return end.queuedBytes
      },
      get open() {
        return end.state === 'open'
      },
      send: frame => {
        if (made === null || end.state !== 'open' || !end.process.alive) return
        this.options.sent(options.path, frame)
        made.send(end, { kind: 'frame', bytes: frame })
      },
      close: reason => made?.close(end, reason),
    })
    const near = new End(process, toFar, linkOf)
    near.handlers = handlers
    const far = new End(farProcess, toNear, linkOf)
    made = new Connection(
      { id: this.nextId, path: options.path },
      scheduler,
      this.events,
      { near, far },
      connection => this.accept(options.address, connection),
    )
    this.nextId += 1
    this.connections.push(made)
    const connection = made
    connection.send(near, { kind: 'open' })
    scheduler.after(options.handshakeMsMax, 'link', process, () => connection.giveUpOpening())
    if (this.connections.length > 200) this.living()
    return near.link
  }

  private accept(address: string, connection: Connection): Acceptance {
    const listening = this.listeners.get(address)
    if (listening === undefined || connection.near.way.refusers.size > 0) return 'refused'
    // Asked for in the life before: the process that listens now has never heard of it.
    if (listening.process !== connection.far.process) return 'turned away'
    const held = this.connections.filter(
      ({ far }) => far.handlers === listening.handlers && far.state === 'open',
    )
    if (held.length >= listening.options.linksMax) return 'turned away'
    connection.far.handlers = listening.handlers
    return 'accepted'
  }
}

function deadProcess(machine: number): SimProcess {
  return { machine, pid: 0, alive: false, paused: false, held: [] }
}
