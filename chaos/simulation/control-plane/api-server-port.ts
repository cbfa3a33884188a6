// The port of a simulated API server: requests come in frames of a simulated stream in the place of HTTP/2 over
// TLS, and go through the shipping pipeline. What a certificate would say of a client stands in its greeting.

import type { Clock } from '../../../platform/clock.js'
import { must } from '../../../platform/errors.js'
import type { Link, Network } from '../../../platform/network.js'
import type { PeerCertificate } from '../../../orchestrator/apiserver/exchange.js'
import type { Pipeline } from '../../../orchestrator/apiserver/pipeline.js'
import { exchange } from '../../../testing/plain-exchange.js'
import { decodeFrame, encodeFrame } from './api-frame.js'
import type { FromClient, FromServer } from './api-frame.js'

/** All that is spoken between clients of the API and its servers. */
export const apiPath = '/api'
export const apiFrameBytesMax = 256 * 1024 * 1024
const linksMax = 1_000
const handshakeMsMax = 5_000

export interface ApiServerPortOptions {
  readonly address: string
  readonly network: Network
  readonly clock: Clock
  readonly pipeline: Pipeline
  readonly onBroken: (error: unknown) => void
}

interface Caller {
  readonly peer: PeerCertificate
  readonly userAgent: string
  /** How to give up each exchange under way. */
  readonly underWay: Map<number, () => void>
}

/** `ready` once it listens. */
export function openApiServerPort(options: ApiServerPortOptions, ready: () => void): void {
  const callers = new Map<Link, Caller>()
  options.network.listen(
    {
      address: options.address,
      tls: null,
      path: apiPath,
      frameBytesMax: apiFrameBytesMax,
      linksMax,
      handshakeMsMax,
    },
    {
      onFrame: (link, bytes) => {
        const { head, text } = decodeFrame<FromClient>(bytes)
        switch (head.kind) {
          case 'hello':
            callers.set(link, { ...head, underWay: new Map() })
            return
          case 'ping':
            link.send(encodeFrame({ kind: 'pong' }, ''))
            return
          case 'cancel':
            callers.get(link)?.underWay.get(head.id)?.()
            callers.get(link)?.underWay.delete(head.id)
            return
          case 'ask':
            ask(options, link, must(callers.get(link), 'a greeting comes first'), head, text)
        }
      },
      onClose: link => {
        for (const abandon of callers.get(link)?.underWay.values() ?? []) abandon()
        callers.delete(link)
      },
    },
    error => {
      if (error === null) ready()
      else options.onBroken(error)
    },
  )
}

/** What comes in one turn goes out in one frame. */
function ask(
  { clock, pipeline, onBroken }: ApiServerPortOptions,
  link: Link,
  caller: Caller,
  { id, method, path, accept, contentType }: Extract<FromClient, { kind: 'ask' }>,
  body: string,
): void {
  const { peer, userAgent, underWay } = caller
  const decoder = new TextDecoder()
  let next: FromServer | null = null
  let text = ''
  const gather = (more: Partial<Extract<FromServer, { kind: 'answer' }>>, chunk = '') => {
    text += chunk
    if (next === null) {
      clock.defer(() => {
        if (next !== null) link.send(encodeFrame(next, text))
        next = null
        text = ''
      })
    }
    next = { ...(next ?? { kind: 'answer', id }), ...more } as FromServer
  }
  const request = { method, path, accept, contentType, body, peer, userAgent }
  const abandon = exchange(pipeline, request, {
    onHead: (status, headers) => gather({ status, headers }),
    onChunk: bytes => gather({}, decoder.decode(bytes, { stream: true })),
    onEnd: whole => {
      underWay.delete(id)
      gather({ end: whole ? 'whole' : 'broken' })
    },
    onBroken,
  })
  underWay.set(id, abandon)
}
