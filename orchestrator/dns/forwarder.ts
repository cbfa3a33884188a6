// Asks other servers for what is not of the cluster: one after the other until one answers, each for a limited
// time, and a limited number of questions at once. Counterpart: CoreDNS' forward plug-in.

import dgram from 'node:dgram'
import net from 'node:net'
import type { Clock } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Random } from '../../platform/random.js'
import { isAnswerTo, messageBytesMax, withId } from './message.js'

export interface Upstream {
  readonly host: string
  readonly port: number
}

export interface ForwarderOptions {
  /** In the order in which they are asked. */
  readonly upstreams: readonly Upstream[]
  readonly clock: Clock
  readonly random: Random
  readonly timeoutMs?: number
  readonly questionsMax?: number
}

/** `dns-no-upstream`, `dns-upstream-silent`, `dns-too-many-questions`. */
export class ForwardError extends RaftsmanError {
  constructor(code: string, message: string) {
    super(message, { code, retryable: true, outcome: 'not-applied' })
  }
}

const timeoutMsDefault = 2000
const questionsMaxDefault = 1000
/** Each is asked so often before nobody is. */
const rounds = 2

export class Forwarder {
  readonly #options: ForwarderOptions
  #asking = 0

  constructor(options: ForwarderOptions) {
    this.#options = options
  }

  /** The answer to `question`, under its id. @throws ForwardError */
  async ask(question: Uint8Array, transport: 'udp' | 'tcp'): Promise<Uint8Array> {
    const { upstreams, random, questionsMax = questionsMaxDefault } = this.#options
    if (upstreams.length === 0) {
      throw new ForwardError('dns-no-upstream', 'there is no server for names from elsewhere')
    }
    if (this.#asking >= questionsMax) {
      const message = `more than ${questionsMax} questions wait for an answer`
      throw new ForwardError('dns-too-many-questions', message)
    }
    this.#asking += 1
    const ownId = ((question[0] ?? 0) << 8) | (question[1] ?? 0)
    try {
      for (let round = 0; round < rounds; round += 1) {
        for (const upstream of upstreams) {
          const asked = withId(question, random.integer(65_536))
          const answer = await this.#exchange(upstream, asked, transport)
          if (answer !== null) return withId(answer, ownId)
        }
      }
    } finally {
      this.#asking -= 1
    }
    throw new ForwardError('dns-upstream-silent', 'no server for names from elsewhere answers')
  }

  #exchange(
    upstream: Upstream,
    question: Uint8Array,
    transport: 'udp' | 'tcp',
  ): Promise<Uint8Array | null> {
    const { clock, timeoutMs = timeoutMsDefault } = this.#options
    return new Promise(resolve => {
      const end = (answer: Uint8Array | null): void => {
        timer.cancel()
        close()
        resolve(answer)
      }
      const timer = clock.setTimer(timeoutMs, () => end(null))
      const close = (transport === 'udp' ? byUdp : byTcp)(upstream, question, end)
    })
  }
}

type Exchange = (
  upstream: Upstream,
  question: Uint8Array,
  end: (answer: Uint8Array | null) => void,
) => () => void

/** A socket and so a port of its own for each question, which a forger would have to guess. */
const byUdp: Exchange = ({ host, port }, question, end) => {
  const socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4')
  let open = true
  socket.on('error', () => end(null))
  socket.on('message', answer => {
    if (isAnswerTo(answer, question)) end(answer)
  })
  // Connected, so that nobody else is heard, and a refusal is.
  socket.connect(port, host, (error?: Error) => {
    if (error !== undefined) end(null)
    else if (open) socket.send(question, sendError => sendError && end(null))
  })
  return () => {
    if (open) socket.close()
    open = false
  }
}

const byTcp: Exchange = ({ host, port }, question, end) => {
  const socket = net.connect({ host, port, noDelay: true })
  const received: Buffer[] = []
  let bytes = 0
  socket.on('error', () => end(null))
  socket.on('close', () => end(null))
  socket.on('connect', () => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(question.length)
    socket.write(Buffer.concat([length, question]))
  })
  socket.on('data', chunk => {
    received.push(chunk)
    bytes += chunk.length
    if (bytes > messageBytesMax + 2) return end(null)
    const whole = Buffer.concat(received)
    if (whole.length < 2 || whole.length < whole.readUInt16BE(0) + 2) return
    const answer = whole.subarray(2, whole.readUInt16BE(0) + 2)
    end(isAnswerTo(answer, question) ? answer : null)
  })
  return () => socket.destroy()
}
