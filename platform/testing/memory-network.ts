// Links in memory on a clock that somebody drives: frames arrive in order, one deferral later, unless
// a test decides otherwise. Closing tells both sides, but for links that fell silent.

import type { Clock } from '../clock.js'
import { must } from '../errors.js'
import type { Address, Link, LinkHandlers, Network } from '../network.js'

interface Wire {
  open: boolean
  close(reason: string): void
}

export class MemoryNetwork {
  private readonly clock: Clock
  private readonly listeners = new Map<Address, LinkHandlers>()
  private readonly wires = new Set<Wire>()
  /** Frames get lost without a word, as with a machine that vanished. */
  silent = false
  /** Links from one host to another that cannot be made, and lose what they carry. */
  severed: (from: string | null, to: Address) => boolean = () => false
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
                this.clock.defer(done)
              },
            })
        })
      },
      connect: (options, near) => this.pair(host, options.address, near),
    }
  }

  /** Breaks every link there is. */
  cutAll(): void {
    for (const wire of this.wires) wire.close('cut')
  }

  private pair(host: Address, address: Address, near: LinkHandlers): Link {
    this.made += 1
    const ends: { link: Link; handlers: LinkHandlers }[] = []
    const wire: Wire = {
      open: false,
      close: reason => {
        if (!wire.open) return
        wire.open = false
        this.wires.delete(wire)
        if (this.silent) return
        this.clock.defer(() => {
          for (const { link, handlers } of ends) handlers.onClose(link, reason)
        })
      },
    }
    const end = (side: 0 | 1, remote: Address): Link => ({
      remote,
      peerName: null,
      bufferedBytes: 0,
      get open() {
        return wire.open
      },
      send: frame =>
        this.carry(wire, frame, side === 0 ? [host, address] : [address, host], () =>
          must(ends[1 - side], 'a link has two ends'),
        ),
      close: reason => wire.close(reason),
    })
    ends.push({ link: end(0, address), handlers: near })
    this.clock.defer(() => {
      const far = this.listeners.get(address)
      const first = must(ends[0], 'the near end').link
      if (far === undefined || this.silent || this.severed(host, address)) {
        near.onClose(first, 'not reached')
        return
      }
      const second = end(1, host)
      ends.push({ link: second, handlers: far })
      wire.open = true
      this.wires.add(wire)
      far.onOpen?.(second)
      near.onOpen?.(first)
    })
    return must(ends[0], 'the near end').link
  }

  private carry(
    wire: Wire,
    frame: Uint8Array,
    [from, to]: readonly [Address, Address],
    other: () => { readonly link: Link; readonly handlers: LinkHandlers },
  ): void {
    if (!wire.open || this.silent || this.severed(from, to)) return
    const sent = this.tamper(frame.slice())
    if (sent === null) {
      wire.close('cut')
      return
    }
    this.clock.defer(() => {
      const { link, handlers } = other()
      if (wire.open) handlers.onFrame(link, sent)
    })
  }
}
