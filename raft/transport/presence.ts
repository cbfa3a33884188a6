// Which peers have links to us, so that one that is refused everywhere can be told from one that we
// merely do not reach: a peer that still speaks to us is there, whoever refuses our connections.

import type { NodeId } from '../core/types.js'

interface Links {
  open: number
  /** Since the start, so that one that came and went meanwhile is not missed. */
  made: number
}

export class Presence {
  private readonly links = new Map<NodeId, Links>()
  private readonly onLeft: (peer: NodeId) => void

  /** `onLeft`: a peer has no link to us any more. */
  constructor(onLeft: (peer: NodeId) => void) {
    this.onLeft = onLeft
  }

  /** It was greeted on a link that it made. */
  arrived(peer: NodeId): void {
    const links = this.of(peer)
    links.open += 1
    links.made += 1
  }

  /** Such a link has ended. */
  left(peer: NodeId): void {
    const links = this.of(peer)
    links.open -= 1
    if (links.open === 0) this.onLeft(peer)
  }

  /** Before a connection is tried; null while the peer has links to us. */
  begin(peer: NodeId): number | null {
    const { open, made } = this.of(peer)
    return open === 0 ? made : null
  }

  /** It had no link to us all the time since. */
  wasAbsentSince(peer: NodeId, begun: number | null): boolean {
    const { open, made } = this.of(peer)
    return open === 0 && made === begun
  }

  private of(peer: NodeId): Links {
    const known = this.links.get(peer)
    if (known !== undefined) return known
    const none = { open: 0, made: 0 }
    this.links.set(peer, none)
    return none
  }
}
