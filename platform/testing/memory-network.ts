// Links in memory on a clock that somebody drives: frames arrive in order, one deferral later, unless
// a test decides otherwise. Closing tells both sides, but for links that fell silent.

import type { Clock } from '../clock.js'
import { must } from '../errors.js'
import type { Address, Link, LinkHandlers, Network } from '../network.js'

interface End {
  readonly link: Link
  readonly handlers: LinkHandlers
}

interface Wire {
  readonly from: Address
  readonly to: Address
  open: boolean
  /** It broke: what was under way is lost. A side that closes is still heard to the end. */
  cut: boolean
  /** Sides that have closed hear nothing more. */
  readonly deaf: Set<0 | 1>
  readonly ends: End[]
}

export class MemoryNetwork {
  private readonly clock: Clock
  private readonly listeners = new Map<Address, LinkHandlers>()
  private readonly wires = new Set<Wire>()
  /** Frames get lost without a word, as with a machine that vanished. */
  silent = false
  /** Links from one host to another that cannot be made, and lose what they carry. */
  severed: (from: string | null, to: Address) => boolean = () => false
  /** Somebody in between refuses connections, though who is asked for is there. */
  refusing: (from: Address, to: Address) => boolean = () => false
  /** Changes a frame on its way. Null: the link breaks instead. */
  tamper: (frame: Uint8Array) => Uint8Array | null = frame => frame
  /** Connections tried so far. */
  made = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** As one machine sees it. */
  at(host: Address): Network {
    return {
      listen: (options, handlers, ready) => {
        const { address } = options
        const taken = this.listeners.has(address)
        if (!taken) this.listeners.set(address, handlers)
        this.clock.defer(() => {
          if (taken) ready(new Error(`${address} is in use`))
          else
            ready(null, {
              address,
              close: done => {
                this.listeners.delete(address)
                for (const wire of this.wires)
                  if (wire.ends[1]?.handlers === handlers) this.close(wire, 'closed')
                this.clock.defer(done)
              },
            })
        })
      },
      connect: (options, near) => this.pair(host, options.address, near),
    }
  }

  /** Breaks every link there is, or those that one host has made to another. */
  cutAll(isMeant: (from: Address, to: Address) => boolean = () => true): void {
    for (const wire of this.wires) if (isMeant(wire.from, wire.to)) this.cut(wire)
  }

  private pair(host: Address, address: Address, near: LinkHandlers): Link {
    this.made += 1
    const wire: Wire = {
      from: host,
      to: address,
      open: false,
      cut: false,
      deaf: new Set(),
      ends: [],
    }
    const first = this.end(wire, 0, host, address)
    wire.ends.push({ link: first, handlers: near })
    this.clock.defer(() => {
      const far = this.refusing(host, address) ? undefined : this.listeners.get(address)
      const isCut = this.silent || this.severed(host, address)
      if (far === undefined || isCut) {
        if (!isCut) near.onRefused?.(first)
        near.onClose(first, 'not reached')
        return
      }
      const second = this.end(wire, 1, address, host)
      wire.ends.push({ link: second, handlers: far })
      wire.open = true
      this.wires.add(wire)
      far.onOpen?.(second)
      near.onOpen?.(first)
    })
    return first
  }

  private end(wire: Wire, side: 0 | 1, self: Address, remote: Address): Link {
    return {
      remote,
      peerName: null,
      bufferedBytes: 0,
      get open() {
        return wire.open
      },
      send: frame => this.carry(wire, frame, side, self, remote),
      close: reason => {
        wire.deaf.add(side)
        this.close(wire, reason)
      },
    }
  }

  private close(wire: Wire, reason: string): void {
    if (!wire.open) return
    wire.open = false
    this.wires.delete(wire)
    if (this.silent) return
    this.clock.defer(() => {
      for (const { link, handlers } of wire.ends) handlers.onClose(link, reason)
    })
  }

  private cut(wire: Wire): void {
    wire.cut = true
    this.close(wire, 'cut')
  }

  private carry(wire: Wire, frame: Uint8Array, side: 0 | 1, from: Address, to: Address): void {
    if (!wire.open || this.silent || this.severed(from, to)) return
    const sent = this.tamper(frame.slice())
    if (sent === null) {
      this.cut(wire)
      return
    }
    const other = side === 0 ? 1 : 0
    this.clock.defer(() => {
      const { link, handlers } = must(wire.ends[other], 'a link has two ends')
      if (!wire.cut && !wire.deaf.has(other)) handlers.onFrame(link, sent)
    })
  }
}
