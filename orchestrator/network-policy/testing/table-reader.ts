// Asks a table of policies about one packet, as the kernel would: a reader of the few kinds of rules that it has.

import { must } from '../../../platform/errors.js'
import type { NftTable } from '../../nftables/table.js'

export interface Packet {
  readonly source: string
  readonly destination: string
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly port: number
}

const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const

const numberOf = (address: string): number =>
  address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

/** Whether a packet that begins a connection comes through. Of IPv4. */
export function isForwarded(table: NftTable, packet: Packet): boolean {
  return (['egress', 'ingress'] as const).every(hook => run(table, hook, packet) !== 'drop')
}

type Verdict = 'accept' | 'drop' | null

function run(table: NftTable, name: string, packet: Packet): Verdict {
  for (const rule of must(table.chains.get(name), `chain ${name}`).rules) {
    const verdict = step(table, rule, packet)
    if (verdict !== null) return verdict
  }
  return null
}

function step(table: NftTable, rule: string, packet: Packet): Verdict {
  const lead = /^ip ([sd])addr vmap @(\S+)$/.exec(rule)
  if (lead !== null) {
    const key = lead[1] === 's' ? packet.source : packet.destination
    const target = elements(table, lead[2] ?? '').get(key)
    return target === undefined ? null : run(table, target.replace('goto ', ''), packet)
  }
  if (rule.startsWith('jump ')) return run(table, rule.slice('jump '.length), packet)
  // A connection that begins is none of these.
  if (rule.startsWith('ct state established')) return null
  let rest = rule
  for (;;) {
    if (rest === 'accept' || rest === 'drop') return rest
    const match = matchers.find(({ pattern }) => pattern.test(rest))
    const parts = must(match?.pattern.exec(rest), `a rule that can be read: ${rest}`)
    if (match?.holds(parts, packet, table) !== true) return null
    rest = rest.slice(parts[0].length)
  }
}

const elements = ({ sets }: NftTable, name: string): ReadonlyMap<string, string> =>
  must(sets.get(name)?.elements, `set ${name}`)

const within = (ranges: string, value: number, parse: (text: string) => number): boolean =>
  ranges.split(', ').some(range => {
    const [first = '', last = first] = range.split('-')
    return parse(first) <= value && value <= parse(last)
  })

const matchers: readonly {
  readonly pattern: RegExp
  readonly holds: (parts: RegExpExecArray, packet: Packet, table: NftTable) => boolean
}[] = [
  {
    pattern: /^ip saddr \. ip daddr @(\S+) /,
    holds: ([, set = ''], { source, destination }, table) =>
      elements(table, set).has(`${source} . ${destination}`),
  },
  {
    pattern: /^ip daddr \. meta l4proto \. th dport @(\S+) /,
    holds: ([, set = ''], { destination, protocol, port }, table) =>
      elements(table, set).has(`${destination} . ${protocolNumbers[protocol]} . ${port}`),
  },
  {
    pattern: /^ip ([sd])addr @(\S+) /,
    holds: ([, end, set = ''], { source, destination }, table) =>
      elements(table, set).has(end === 's' ? source : destination),
  },
  {
    pattern: /^ip ([sd])addr \{ ([^}]+) \} /,
    holds: ([, end, ranges = ''], { source, destination }) =>
      within(ranges, numberOf(end === 's' ? source : destination), numberOf),
  },
  {
    pattern: /^meta l4proto (\w+) /,
    holds: ([, word], { protocol }) => word === protocol,
  },
  {
    pattern: /^(tcp|udp|sctp) dport \{ ([^}]+) \} /,
    holds: ([, word, ranges = ''], { protocol, port }) =>
      word === protocol && within(ranges, port, Number),
  },
]
