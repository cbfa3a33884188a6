// The API servers behind this one: which group versions they serve by their APIServices, whether they
// can be asked, and what they said they serve. Every master looks for itself, and says in the
// APIService what it found. Counterpart: the available condition controller, the proxy handlers and the
// discovery manager of kube-aggregator.

import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import {
  backendProblem,
  failedDiscovery,
  isAvailable,
  passed,
  withVerdict,
} from '../api/aggregation/availability.js'
import type { Verdict } from '../api/aggregation/availability.js'
import { discoveredResources } from '../api/aggregation/extension-discovery.js'
import type { ExtensionVersion } from '../api/aggregation/extension-discovery.js'
import { isReserved } from '../api/aggregation/local-services.js'
import type { KindRegistry } from '../api/kind-registry.js'
import { apiService } from '../api/kinds/apiregistration/api-service.js'
import type { Json, JsonObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import type { Backend } from '../api/service-backends.js'
import { isStatusReason } from '../api/status.js'
import type { APIService } from '../api/types/apiregistration.js'
import type { User } from './authentication.js'
import { timestamp } from './deletion.js'
import type { ApiRequest, ApiResponse } from './exchange.js'
import {
  extensionTarget,
  fetchFromExtension,
  passToExtension,
  unavailable,
} from './extension-call.js'
import type { ProxyIdentity } from './extension-call.js'
import { urlOf } from './fetch-text.js'
import { collectionPrefix, resourceOfKind } from './keys.js'
import type { ObjectWriter } from './object-writer.js'
import type { RegistryCache } from './registry-cache.js'
import { backendsInCache, serviceResource, sliceResource } from './service-backends.js'

export interface ExtensionServersOptions {
  readonly kinds: KindRegistry
  readonly cache: RegistryCache
  readonly writer: ObjectWriter
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** What we show to extension API servers; null: nothing. */
  readonly identity: ProxyIdentity | null
}

interface Extension {
  readonly group: string
  readonly version: string
  service: APIService
  resources: readonly JsonObject[] | null
  /** Where its OpenAPI v3 document is, as it says; null: it has none. */
  openApiPath: string | null
  timer: Timer | null
  checking: boolean
  failures: number
  /** What the last check came from; another one is due as soon as it differs. */
  seen: string
}

const checkMs = 5_000
const recheckMs = 30_000
const retryMsMin = 1_000

export class ExtensionServers {
  readonly #options: ExtensionServersOptions
  readonly #extensions = new Map<string, Extension>()
  readonly #listeners = new Set<() => void>()
  readonly #stops: readonly (() => void)[]
  #stopped = false

  constructor(options: ExtensionServersOptions) {
    this.#options = options
    const look = () => this.#look()
    this.#stops = [resourceOfKind(apiService), serviceResource, sliceResource].map(id =>
      options.cache.listen(id, { onChange: look, onReset: look }),
    )
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
    for (const extension of this.#extensions.values()) extension.timer?.cancel()
  }

  /** Whether somebody else serves it. */
  serves(group: string, version: string): boolean {
    return this.#extensions.size > 0 && this.#extensions.has(`${group}/${version}`)
  }

  /** Called when what `versions` says has changed. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  get versions(): readonly ExtensionVersion[] {
    return [...this.#extensions.values()].map(({ group, version, service, resources }) => ({
      group,
      version,
      groupPriority: service.spec.groupPriorityMinimum,
      versionPriority: service.spec.versionPriority,
      resources,
      available: isAvailable(service),
    }))
  }

  /** Paths below /openapi/v3 that others serve, with where clients find them. */
  get openApiPaths(): ReadonlyMap<string, string> {
    const paths = [...this.#extensions.values()].flatMap(({ group, version, openApiPath }) =>
      openApiPath === null ? [] : [[`apis/${group}/${version}`, openApiPath] as const],
    )
    return new Map(paths)
  }

  /** Passes a request on to who serves the group version. */
  pass(group: string, version: string, request: ApiRequest, user: User): Promise<ApiResponse> {
    const { clock, random, identity } = this.#options
    const extension = this.#extensions.get(`${group}/${version}`)
    if (extension === undefined || !isAvailable(extension.service)) {
      return Promise.resolve(unavailable())
    }
    const backends = this.#backends(extension)
    const backend = backends[random.integer(Math.max(1, backends.length))]
    if (backend === undefined) return Promise.resolve(unavailable())
    const target = extensionTarget(extension.service.spec, backend, request.url, identity)
    return passToExtension(target, request, user, clock)
  }

  #backends({ service }: Extension): readonly Backend[] {
    const { namespace = '', name = '', port = 443 } = service.spec.service ?? {}
    const found = backendsInCache(this.#options.cache, namespace, name, port)
    return found.kind === 'ready' ? found.backends : []
  }

  #look(): void {
    const { cache, kinds } = this.#options
    const id = resourceOfKind(apiService)
    const found = new Set<string>()
    let changed = false
    for (const stored of cache.resource(id).list(collectionPrefix(id, ''))) {
      const service = stored.object as APIService
      const { group = '', version = '' } = service.spec
      if (service.spec.service === undefined || isReserved(kinds.builtIn, group, version)) continue
      const key = `${group}/${version}`
      found.add(key)
      const known = this.#extensions.get(key)
      changed ||= known?.service !== service
      if (known === undefined) this.#extensions.set(key, newExtension(group, version, service))
      else known.service = service
    }
    for (const [key, extension] of this.#extensions) {
      if (found.has(key)) continue
      extension.timer?.cancel()
      this.#extensions.delete(key)
      changed = true
    }
    for (const extension of this.#extensions.values()) {
      const seen = JSON.stringify([extension.service.spec, this.#backends(extension)])
      const condition = extension.service.status?.conditions?.length ?? 0
      if (seen !== extension.seen || condition === 0) this.#checkSoon(extension, seen)
    }
    if (changed) this.#tell()
  }

  #checkSoon(extension: Extension, seen: string): void {
    extension.seen = seen
    extension.failures = 0
    extension.timer?.cancel()
    extension.timer = this.#options.clock.setTimer(0, () => this.#check(extension))
  }

  #check(extension: Extension): void {
    const { clock, logger } = this.#options
    if (this.#stopped || extension.checking) return
    extension.checking = true
    const { seen } = extension
    const done = (good: boolean) => {
      extension.checking = false
      if (this.#stopped || this.#extensions.get(keyOf(extension)) !== extension) return
      extension.failures = good ? 0 : extension.failures + 1
      const backoffMs = Math.min(recheckMs, retryMsMin * 2 ** (extension.failures - 1))
      const againMs = seen === extension.seen ? (good ? recheckMs : backoffMs) : 0
      extension.timer?.cancel()
      extension.timer = clock.setTimer(againMs, () => this.#check(extension))
    }
    this.#judge(extension)
      .then(async verdict => {
        await this.#report(extension, verdict)
        done(verdict.status === 'True')
      })
      .catch((error: unknown) => {
        logger.warn({ error: String(error) }, 'availability of an API not noted yet')
        done(false)
      })
  }

  /** Finds out whether it answers, and takes along what it says it serves. */
  async #judge(extension: Extension): Promise<Verdict> {
    const { cache, clock, random, identity } = this.#options
    const { spec } = extension.service
    const { namespace = '', name = '', port = 443 } = spec.service ?? {}
    const found = backendsInCache(cache, namespace, name, port)
    const problem = backendProblem(spec.service ?? {}, found)
    if (problem !== null || found.kind !== 'ready') return problem ?? failedDiscovery('', '')
    const backend = found.backends[random.integer(found.backends.length)] as Backend
    const path = `/apis/${extension.group}/${extension.version}`
    const target = extensionTarget(spec, backend, path, identity)
    try {
      const list = await fetchFromExtension(target, clock, checkMs)
      if (isJsonObject(list as Json)) {
        this.#learn(extension, discoveredResources(list as JsonObject))
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return failedDiscovery(urlOf(target), why)
    }
    await this.#findOpenApi(extension, backend)
    return passed
  }

  async #findOpenApi(extension: Extension, backend: Backend): Promise<void> {
    const { clock, identity } = this.#options
    const { spec } = extension.service
    const target = extensionTarget(spec, backend, '/openapi/v3', identity)
    let path: string | null = null
    try {
      const index = await fetchFromExtension(target, clock, checkMs)
      const paths = isJsonObject(index as Json) ? (index as JsonObject)['paths'] : null
      const own = isJsonObject(paths) ? paths[`apis/${keyOf(extension)}`] : null
      const url = isJsonObject(own) ? own['serverRelativeURL'] : null
      if (typeof url === 'string') path = url
    } catch {
      // Many have none, and serve all the same.
    }
    if (path === extension.openApiPath) return
    extension.openApiPath = path
    this.#tell()
  }

  #learn(extension: Extension, resources: readonly JsonObject[]): void {
    if (JSON.stringify(resources) === JSON.stringify(extension.resources)) return
    extension.resources = resources
    this.#tell()
  }

  async #report({ service }: Extension, verdict: Verdict): Promise<void> {
    const { writer, clock } = this.#options
    const now = timestamp(clock.wallMs())
    if (withVerdict(service, verdict, now) === null) return
    try {
      await writer.change(
        apiService,
        '',
        service.metadata.name ?? '',
        current => {
          const object = withVerdict(current as APIService, verdict, now)
          return object === null ? { kind: 'none' } : { kind: 'put', object }
        },
        false,
      )
    } catch (error) {
      if (!isStatusReason(error, 'NotFound')) throw error
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

function keyOf({ group, version }: Extension): string {
  return `${group}/${version}`
}

function newExtension(group: string, version: string, service: APIService): Extension {
  return {
    group,
    version,
    service,
    resources: null,
    openApiPath: null,
    timer: null,
    checking: false,
    failures: 0,
    seen: '',
  }
}
