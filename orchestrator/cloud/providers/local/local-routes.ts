// Routes between machines that are network namespaces of one: in the table of each machine, to the pods of all
// others. Ours are told from those of others by their protocol number.

import { RaftsmanError } from '../../../../platform/errors.js'
import { isJsonObject } from '../../../api/record.js'
import type { Json } from '../../../api/object.js'
import type { Route, Routes } from '../../provider.js'
import type { LocalCloudConfig, LocalInstance } from './local-config.js'

/** `ip ARGUMENTS`; answers its output, rejects where it fails. */
export type RunIp = (args: readonly string[]) => Promise<string>

/** No daemon's in the table of iproute2. */
const ourProtocol = '84'

export class RouteError extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'cloud-route', retryable: true, outcome: 'not-applied' })
  }
}

export class LocalRoutes implements Routes {
  private readonly config: () => Promise<LocalCloudConfig>
  private readonly ip: RunIp

  constructor(config: () => Promise<LocalCloudConfig>, ip: RunIp) {
    this.config = config
    this.ip = ip
  }

  async list(): Promise<readonly Route[]> {
    const instances = (await this.config()).instances ?? []
    const tables = new Map<LocalInstance, readonly TableEntry[]>()
    for (const instance of instances) tables.set(instance, await this.table(instance))
    const found = new Map<string, Route>()
    for (const entries of tables.values()) {
      for (const { podCidr, gateway } of entries) {
        const target = instances.find(({ addresses }) => addresses.includes(gateway))
        // To a machine that is gone: the route is told of, so that it is taken away.
        const nodeName = target?.name ?? gateway
        const whole = others(instances, nodeName).every(other =>
          tables.get(other)?.some(one => one.podCidr === podCidr && one.gateway === gateway),
        )
        if (whole || target === undefined) {
          found.set(`${nodeName} ${podCidr}`, { nodeName, podCidr })
        }
      }
    }
    return [...found.values()]
  }

  async create({ nodeName, podCidr }: Route): Promise<void> {
    const instances = (await this.config()).instances ?? []
    const target = instances.find(({ name }) => name === nodeName)
    if (target === undefined) throw new RouteError(`no instance of node ${nodeName} is known`)
    const [gateway = ''] = target.addresses
    for (const other of others(instances, nodeName)) {
      const route = ['route', 'replace', podCidr, 'via', gateway, 'proto', ourProtocol]
      await this.ip([...tableOf(other), ...route])
    }
  }

  async delete({ podCidr }: Route): Promise<void> {
    const instances = (await this.config()).instances ?? []
    for (const instance of instances) {
      const there = await this.table(instance)
      if (!there.some(one => one.podCidr === podCidr)) continue
      await this.ip([...tableOf(instance), 'route', 'del', podCidr, 'proto', ourProtocol])
    }
  }

  private async table(instance: LocalInstance): Promise<readonly TableEntry[]> {
    const text = await this.ip([...tableOf(instance), '-j', 'route', 'show', 'proto', ourProtocol])
    return parseTable(text)
  }
}

interface TableEntry {
  readonly podCidr: string
  readonly gateway: string
}

/** What `ip -j route show` says. */
export function parseTable(text: string): readonly TableEntry[] {
  const parsed = JSON.parse(text.trim() === '' ? '[]' : text) as Json
  if (!Array.isArray(parsed)) throw new RouteError('ip has said something else than a list')
  return (parsed as readonly Json[]).flatMap(entry => {
    if (!isJsonObject(entry)) return []
    const { dst, gateway } = entry
    return typeof dst === 'string' && typeof gateway === 'string' ? [{ podCidr: dst, gateway }] : []
  })
}

const tableOf = ({ networkNamespace }: LocalInstance): readonly string[] =>
  networkNamespace === null ? [] : ['-n', networkNamespace]

const others = (instances: readonly LocalInstance[], name: string): readonly LocalInstance[] =>
  instances.filter(instance => instance.name !== name)
