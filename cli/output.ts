// What commands on the store print: lines, JSON, or a table with borders, as etcdctl does.

import Table from 'cli-table3'
import type { ResponseHeader } from '../store/core/types.js'
import type { StoreFlags } from './store-access.js'

export interface Printable {
  readonly json: () => object
  readonly simple: () => readonly string[]
  readonly head: readonly string[]
  readonly rows: () => readonly (readonly string[])[]
}

export function show(flags: StoreFlags, what: Printable): void {
  if (flags.output === 'json') print([JSON.stringify(what.json())])
  else if (flags.output === 'simple') print(what.simple())
  else {
    const table = new Table({ head: [...what.head], style: { head: [], border: [] } })
    for (const row of what.rows()) table.push([...row])
    print([table.toString()])
  }
}

export function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

export const headerJson = (header: ResponseHeader): object => ({
  cluster_id: header.clusterId,
  member_id: header.memberId,
  revision: header.revision,
  raft_term: header.raftTerm,
})

export const hex = (id: number): string => id.toString(16)

/** As etcdctl shows sizes: 20 kB, 2.1 MB. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = value < 10 && unit > 0 ? 1 : 0
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`
}
