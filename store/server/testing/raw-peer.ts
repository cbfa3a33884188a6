// A peer that speaks the protocol message by message, or breaks it, for tests of the client port.

import { silentLogger } from '../../../platform/logger.js'
import type { Link } from '../../../platform/network.js'
import { nodeNetwork } from '../../../platform/node/network.js'
import {
  FrameWriter,
  decodeServerFrame,
  encodeClientMessage,
  protocolLimits,
  protocolPath,
} from '../../protocol.js'
import type { ClientMessage, ServerMessage, Welcome } from '../../protocol.js'

export class RawPeer {
  readonly received: ServerMessage[] = []
  frames = 0
  closedBecause: string | null = null
  #opened = false
  #welcome: Welcome | null = null
  #wake: () => void = () => {}
  readonly #link: Link

  private constructor(address: string) {
    this.#link = nodeNetwork(silentLogger).connect(
      {
        address,
        tls: null,
        path: protocolPath,
        frameBytesMax: protocolLimits.serverFrameBytesMax,
        handshakeMsMax: 2_000,
      },
      {
        onOpen: () => {
          this.#opened = true
          this.#wake()
        },
        onFrame: (_link, frame) => {
          this.frames += 1
          for (const message of decodeServerFrame(frame, this.#welcome)) {
            if (message.kind === 'welcome') this.#welcome = message.welcome
            this.received.push(message)
          }
          this.#wake()
        },
        onClose: (_link, reason) => {
          this.closedBecause = reason
          this.#wake()
        },
      },
    )
  }

  /** Not greeted yet. */
  static async open(address: string): Promise<RawPeer> {
    const peer = new RawPeer(address)
    await peer.until(() => peer.#opened)
    return peer
  }

  static async greeted(address: string): Promise<RawPeer> {
    const peer = await RawPeer.open(address)
    peer.send(hello)
    await peer.until(() => peer.received.length > 0)
    return peer
  }

  /** All in one frame. */
  send(...messages: readonly ClientMessage[]): void {
    const writer = new FrameWriter(frame => this.#link.send(frame))
    for (const message of messages) writer.add(encodeClientMessage(message))
    writer.cut()
  }

  sendBytes(bytes: Uint8Array): void {
    this.#link.send(bytes)
  }

  of<K extends ServerMessage['kind']>(kind: K): Extract<ServerMessage, { kind: K }>[] {
    return this.received.filter(
      (message): message is Extract<ServerMessage, { kind: K }> => message.kind === kind,
    )
  }

  /** Resolves once it holds; looked at after every frame and at the end. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.closedBecause !== null) throw new Error(`closed: ${this.closedBecause}`)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  async untilClosed(): Promise<string> {
    while (this.closedBecause === null) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return this.closedBecause
  }

  close(): void {
    this.#link.close('done')
  }
}

export const hello: ClientMessage = {
  kind: 'hello',
  versionMin: 1,
  versionMax: 1,
  client: 'raw',
  clusterId: 0,
}
