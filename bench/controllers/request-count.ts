// What a scenario asks of the API servers, by their own metrics: requests by verb, resource and whether they succeeded.

import type { MeasuredCluster } from '../apiserver/cluster.js'
import type { Connection } from '../apiserver/connection.js'

/** By "create pods", or "update pods/status failed" where the answer was no success. */
export type RequestCounts = ReadonlyMap<string, number>

const line = /^apiserver_request_total\{(?<labels>[^}]*)\} (?<count>\d+)$/gm
const label = (labels: string, name: string): string =>
  new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? ''

export class RequestCounter {
  readonly #connections: readonly Connection[]

  private constructor(connections: readonly Connection[]) {
    this.#connections = connections
  }

  /** Asks every API server of the cluster. */
  static async open(cluster: MeasuredCluster): Promise<RequestCounter> {
    return new RequestCounter(await cluster.connect(cluster.processesOf('apiserver').length))
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  async read(): Promise<RequestCounts> {
    const counts = new Map<string, number>()
    for (const connection of this.#connections) {
      const { body } = await connection.ask('GET', '/metrics', { keep: true })
      for (const { groups } of body.toString('utf8').matchAll(line)) {
        const labels = groups?.['labels'] ?? ''
        const failed = label(labels, 'code').startsWith('2') ? '' : ` ${label(labels, 'code')}`
        const name = `${label(labels, 'verb')} ${label(labels, 'resource')}${failed}`
        counts.set(name, (counts.get(name) ?? 0) + Number(groups?.['count']))
      }
    }
    return counts
  }
}

/** How many more there are, divided by `each`; the most first, what is less than one in a hundred left out. */
export function countsBetween(
  before: RequestCounts,
  after: RequestCounts,
  each: number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...after]
      .map(([name, count]) => [name, (count - (before.get(name) ?? 0)) / each] as const)
      .filter(([, share]) => share >= 0.01)
      .toSorted(([, a], [, b]) => b - a)
      .map(([name, share]) => [name, Number(share.toFixed(2))]),
  )
}
