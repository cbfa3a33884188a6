// From the bytes of a question to the bytes of its answer: the cluster's zone first, others for the rest. An alias
// is followed to its end, since clients do not follow it themselves. Counterpart: the chain of CoreDNS' plug-ins.

import type packets from 'dns-packet'
import type { Logger } from '../../platform/logger.js'
import type { Counter, Metrics } from '../../platform/metrics.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Random } from '../../platform/random.js'
import {
  answerFromZone,
  type ClusterView,
  type DnsRecord,
  startOfAuthority,
} from './cluster-zone.js'
import type { Forwarder } from './forwarder.js'
import {
  cutAnswer,
  decodeAnswers,
  encodeQuestion,
  encodeReply,
  isTruncated,
  messageBytesMax,
  parseQuery,
  type Query,
  type Rcode,
  rcodes,
  type Reply,
  udpLimit,
  wireRecord,
} from './message.js'

export type DnsTransport = 'udp' | 'tcp'

export interface ResolverOptions {
  /** Null as long as the state of the cluster is not known: then nobody is told that a name is not there. */
  readonly view: () => ClusterView | null
  readonly forwarder: Forwarder
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Aliases that are followed for one question. */
const aliasesMax = 8

export class Resolver {
  readonly #options: ResolverOptions
  readonly #answered: Counter

  constructor(options: ResolverOptions) {
    this.#options = options
    this.#answered = options.metrics.counter(
      'raftsman_dns_answers_total',
      'Questions that were answered',
      ['transport', 'rcode'],
    )
  }

  /** Null where silence is the answer. */
  async answer(bytes: Uint8Array, transport: DnsTransport): Promise<Uint8Array | null> {
    const parsed = parseQuery(bytes)
    if (parsed.kind === 'drop') return null
    if (parsed.kind === 'refusal') {
      this.#count(transport, parsed.rcode)
      return parsed.bytes
    }
    const { query } = parsed
    const bytesMax = transport === 'udp' ? udpLimit(query) : messageBytesMax
    const view = this.#options.view()
    const reply = view === null ? failure : await this.#fromZone(query, view, transport)
    if (reply !== 'elsewhere') {
      this.#count(transport, reply.rcode)
      return encodeReply(query, reply, bytesMax)
    }
    try {
      const answer = await this.#options.forwarder.ask(bytes, transport)
      this.#count(transport, (answer[3] ?? 0) & 0xf)
      return answer.length > bytesMax ? cutAnswer(answer) : answer
    } catch (error) {
      const rcode = this.#failed(query.name, error)
      this.#count(transport, rcode)
      return encodeReply(query, { ...failure, rcode }, bytesMax)
    }
  }

  async #fromZone(
    query: Query,
    view: ClusterView,
    transport: DnsTransport,
  ): Promise<Reply | 'elsewhere'> {
    const { name, type } = query
    const answers: packets.Answer[] = []
    let target = name
    for (let followed = 0; followed <= aliasesMax; followed += 1) {
      const found = answerFromZone(target, type, view)
      switch (found.kind) {
        case 'elsewhere':
          if (followed === 0) return 'elsewhere'
          return { ...success(answers), ...(await this.#rest(target, type, answers, transport)) }
        case 'no-such-name':
          return nothing(view, rcodes.nameError, answers)
        case 'records': {
          if (found.answers.length === 0) return nothing(view, rcodes.noError, answers)
          const additionals = found.additionals.map(wireRecord)
          return { ...success([...answers, ...this.#turned(found.answers)]), additionals }
        }
        case 'alias':
          answers.push(wireRecord(found.alias))
          if (type === 'CNAME') return success(answers)
          target = found.target
      }
    }
    return { ...failure, answers }
  }

  /** What others say of the end of an alias. */
  async #rest(
    target: string,
    type: packets.RecordType,
    answers: readonly packets.Answer[],
    transport: DnsTransport,
  ): Promise<Pick<Reply, 'rcode' | 'answers'>> {
    const { forwarder, random } = this.#options
    const question = encodeQuestion(random.integer(65_536), target, type)
    try {
      let answer = await forwarder.ask(question, transport)
      if (isTruncated(answer)) answer = await forwarder.ask(question, 'tcp')
      const more = decodeAnswers(answer)
      const rcode = more.rcode === rcodes.noError ? rcodes.noError : rcodes.nameError
      if (more.rcode !== rcodes.noError && more.rcode !== rcodes.nameError) {
        return { rcode: rcodes.serverFailure, answers }
      }
      return { rcode, answers: [...answers, ...more.answers] }
    } catch (error) {
      return { rcode: this.#failed(target, error), answers }
    }
  }

  /** Begun at another place each time: clients take the first. */
  #turned(found: readonly DnsRecord[]): readonly packets.Answer[] {
    const start = this.#options.random.integer(found.length)
    return [...found.slice(start), ...found.slice(0, start)].map(wireRecord)
  }

  #failed(name: string, error: unknown): Rcode {
    if (!(error instanceof RaftsmanError)) throw error
    this.#options.logger.debug({ name, error: error.message }, 'name not resolved')
    return error.code === 'dns-no-upstream' ? rcodes.refused : rcodes.serverFailure
  }

  #count(transport: DnsTransport, rcode: number | string): void {
    this.#answered.add(1, { transport, rcode: String(rcode) })
  }
}

const failure: Reply = { rcode: rcodes.serverFailure, authoritative: false, answers: [] }

const success = (answers: readonly packets.Answer[]): Reply => ({
  rcode: rcodes.noError,
  authoritative: true,
  answers,
})

const nothing = (view: ClusterView, rcode: Rcode, answers: readonly packets.Answer[]): Reply => ({
  rcode,
  authoritative: true,
  answers,
  authorities: [wireRecord(startOfAuthority(view))],
})
