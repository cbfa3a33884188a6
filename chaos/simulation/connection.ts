// One connection between two processes: an ordered stream of whole frames each way, as WebSockets
// over TCP are. Nothing overtakes and nothing is repeated within it; what is lost is lost with the
// connection. A way that is cut keeps what was sent, as retransmission does, until it heals or an
// end gives up.

import type { Link, LinkHandlers } from '../../platform/network.js'
import type { Scheduler, SimProcess } from './scheduler.js'
import type { Way } from './way.js'

export type Passenger =
  /** The connection is asked for, or has been granted. */
  | { readonly kind: 'open' }
  | { readonly kind: 'frame'; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly reason: string; readonly refused?: boolean }

/** 'refused': nobody listens there, and the kernel says so. */
export type Acceptance = 'accepted' | 'refused' | 'turned away'

export interface ConnectionEvents {
  /** A frame arrives at a living process, before that sees it. */
  readonly delivered: (connection: Connection, from: End, bytes: Uint8Array) => void
  readonly lost: (connection: Connection, frames: number) => void
}

/** How long closing waits for the other side, as platform/node does. */
const closeMsMax = 1000

/** One end, with the lane of what travels towards the other. */
export class End {
  readonly process: SimProcess
  readonly way: Way
  handlers: LinkHandlers | null = null
  readonly link: Link
  /** 'closing': it asked for the end and waits for the other side. */
  state: 'opening' | 'open' | 'closing' | 'closed' = 'opening'
  readonly lane: { readonly readyMs: number; readonly passenger: Passenger }[] = []
  moving = false
  queuedBytes = 0

  constructor(process: SimProcess, way: Way, link: (end: End) => Link) {
    this.process = process
    this.way = way
    this.link = link(this)
  }
}

export class Connection {
  readonly id: number
  /** What is spoken on it, by the path that it was opened with. */
  readonly path: string
  readonly near: End
  readonly far: End
  /** Nothing arrives any more, and nobody is told: a middlebox that forgot it. */
  hung = false
  private readonly scheduler: Scheduler
  private readonly events: ConnectionEvents
  private readonly accept: (connection: Connection) => Acceptance

  constructor(
    { id, path }: { readonly id: number; readonly path: string },
    scheduler: Scheduler,
    events: ConnectionEvents,
    ends: { readonly near: End; readonly far: End },
    accept: (connection: Connection) => Acceptance,
  ) {
    this.id = id
    this.path = path
    this.scheduler = scheduler
    this.events = events
    this.near = ends.near
    this.far = ends.far
    this.accept = accept
  }

  get over(): boolean {
    return this.near.state === 'closed' && this.far.state === 'closed'
  }

  otherOf(end: End): End {
    return end === this.near ? this.far : this.near
  }

  send(from: End, passenger: Passenger): void {
    const bytes = passenger.kind === 'frame' ? passenger.bytes.length : 40
    from.queuedBytes += bytes
    const previousMs = from.lane.at(-1)?.readyMs ?? 0
    const readyMs = Math.max(previousMs, this.scheduler.nowMs + from.way.delayMs(bytes))
    from.lane.push({ readyMs, passenger })
    this.move(from)
  }

  /** Lets the first of a lane arrive when its time has come and the way is open. */
  move(from: End): void {
    const first = from.lane[0]
    if (first === undefined || from.moving || this.hung) return
    if (from.way.blocked) {
      from.way.waiting.add(this)
      return
    }
    from.moving = true
    this.scheduler.after(first.readyMs - this.scheduler.nowMs, 'link', null, () => {
      from.moving = false
      if (this.hung || from.lane[0] !== first) return
      if (from.way.blocked) {
        from.way.waiting.add(this)
        return
      }
      from.lane.shift()
      if (first.passenger.kind === 'frame') from.queuedBytes -= first.passenger.bytes.length
      else from.queuedBytes -= 40
      this.arrive(from, first.passenger)
      this.move(from)
    })
  }

  private arrive(from: End, passenger: Passenger): void {
    const to = this.otherOf(from)
    if (!to.process.alive) {
      // A machine without power answers nothing; one that is up again knows no such connection.
      if (to.way.poweredAtStart() && passenger.kind !== 'close')
        this.reset(
          to,
          'connection reset',
          passenger.kind === 'open' && this.accept(this) === 'refused',
        )
      return
    }
    switch (passenger.kind) {
      case 'open':
        this.opened(from, to)
        return
      case 'frame': {
        if (to.state !== 'open') return
        const { bytes } = passenger
        this.at(to, () => {
          if (to.state !== 'open') return
          this.events.delivered(this, from, bytes)
          to.handlers?.onFrame(to.link, bytes)
        })
        return
      }
      case 'close':
        this.end(to, passenger.reason, passenger.refused)
        // The answer to a close ends the side that began it.
        if (from.state === 'closing') this.send(to, { kind: 'close', reason: passenger.reason })
        return
    }
  }

  private opened(from: End, to: End): void {
    if (from === this.near) {
      const acceptance = this.accept(this)
      if (acceptance !== 'accepted') {
        to.state = 'closed'
        const refused = acceptance === 'refused'
        this.send(to, { kind: 'close', reason: `connection ${acceptance}`, refused })
        return
      }
      to.state = 'open'
      this.send(to, { kind: 'open' })
    } else if (to.state === 'opening') to.state = 'open'
    else return
    this.at(to, () => {
      if (to.state === 'open') to.handlers?.onOpen?.(to.link)
    })
  }

  /** A step of the process at that end. */
  private at(end: End, run: () => void): void {
    this.scheduler.after(0, 'frame', end.process, run)
  }

  /** The end is over for its process, which is told once. */
  private end(end: End, reason: string, refused = false): void {
    if (end.state === 'closed') return
    end.state = 'closed'
    this.at(end, () => {
      if (refused) end.handlers?.onRefused?.(end.link)
      end.handlers?.onClose(end.link, reason)
    })
  }

  /** The process at this end closes it. */
  close(end: End, reason: string): void {
    if (end.state === 'closing' || end.state === 'closed') return
    if (end.state === 'opening') {
      this.end(end, reason)
      return
    }
    end.state = 'closing'
    this.send(end, { kind: 'close', reason })
    this.scheduler.after(closeMsMax, 'link', end.process, () => this.end(end, reason))
  }

  /** The kernel at this end answers for a process that is gone. */
  private reset(end: End, reason: string, refused: boolean): void {
    end.state = 'closed'
    end.lane.length = 0
    this.send(end, { kind: 'close', reason, refused })
  }

  /** Both sides see it break, and everything on its way is lost. */
  break(reason: string): void {
    for (const end of [this.near, this.far]) {
      const frames = end.lane.filter(({ passenger }) => passenger.kind === 'frame').length
      if (frames > 0) this.events.lost(this, frames)
      end.lane.length = 0
      end.queuedBytes = 0
      this.end(end, reason)
    }
  }

  giveUpOpening(): void {
    if (this.near.state === 'opening') this.end(this.near, 'handshake timed out')
  }
}
