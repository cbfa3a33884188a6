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
import { discoveredResources, inOrder } from '../api/aggregation/extension-discovery.js'
import type { ExtensionVersion } from '../api/aggregation/extension-discovery.js'
import { isReserved } from '../api/aggregation/local-services.js'
import type { KindRegistry } from '../api/kind-registry.js'
import { apiService } from '../api/kinds/apiregistration/api-service.js'
import type { Json, JsonObject } from '../api/object.js'
import type { ExtensionOpenApi } from '../api/openapi/v2-extension.js'
import { isJsonObject } from '../api/record.js'
import type { Backend } from '../api/service-backends.js'
import { isStatusReason } from '../api/status.js'
import type { APIService } from '../api/types/apiregistration.js'
import type { User } from './authentication.js'
import { timestamp } from './deletion.js'
import type { ApiRequest, ApiResponse } from './exchange.js'
import {
  askExtension,
  extensionOwner,
  extensionPool,
  extensionTarget,
  passToExtension,
  unavailable,
} from './extension-call.js'
import type { ProxyIdentity } from './extension-call.js'
import { ExtensionDocuments } from './extension-documents.js'
import type { Answer, ExtensionV3 } from './extension-documents.js'
import { urlOf } from './fetch-text.js'
import type { ConnectionPool, KeptConnections } from './kept-connections.js'
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
  readonly connections: KeptConnections
}

interface Extension {
  readonly group: string
  readonly version: string
  service: APIService
  resources: readonly JsonObject[] | null
  timer: Timer | null
  checking: boolean
  failures: number
  /** What the last check came from; another one is due as soon as it differs. */
  seen: string
}

const rootPath = /^(\/openapi\/v3)?\/apis\/([^/]+)\/([^/]+)$/
const checkMs = 5_000
const recheckMs = 30_000
const retryMsMin = 1_000

export class ExtensionServers {
  readonly #options: ExtensionServersOptions
  readonly #extensions = new Map<string, Extension>()
  readonly #listeners = new Set<() => void>()
  readonly #documents: ExtensionDocuments
  readonly #stops: readonly (() => void)[]
  #stopped = false

  constructor(options: ExtensionServersOptions) {
    this.#options = options
    this.#documents = new ExtensionDocuments(options.logger, () => this.#tell())
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

  /** Group and version of a path outside of resources that belongs to who serves them. */
  placeOf(path: string): readonly [string, string] | null {
    const [, openApi, group, version] = rootPath.exec(path) ?? []
    if (group === undefined || version === undefined || !this.serves(group, version)) return null
    const made = openApi !== undefined && this.#documents.v3(group, version)?.kind === 'made'
    return made ? null : [group, version]
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

  /** What their OpenAPI v2 documents say, the more important first. */
  get openApiV2(): readonly ExtensionOpenApi[] {
    return inOrder(this.versions).flatMap(
      ({ group, version }) => this.#documents.v2(group, version) ?? [],
    )
  }

  /** By path below /openapi/v3: where the documents of others come from. */
  get openApiV3(): ReadonlyMap<string, ExtensionV3> {
    const found = [...this.#extensions.values()].flatMap(({ group, version }) => {
      const document = this.#documents.v3(group, version)
      return document === null ? [] : [[`apis/${group}/${version}`, document] as const]
    })
    return new Map(found)
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
    return passToExtension(target, this.#pool(extension), request, user, clock)
  }

  #pool({ group, version, service }: Extension): ConnectionPool {
    const { connections, identity } = this.#options
    return extensionPool(connections, extensionOwner(group, version), service.spec, identity)
  }

  #backends({ service }: Extension): readonly Backend[] {
    const { namespace = '', name = '', port = 443 } = service.spec.service ?? {}
    const found = backendsInCache(this.#options.cache, namespace, name, port)
    return found.kind === 'ready' ? found.backends : []
  }

  #look(): void {
    const { cache, kinds, connections } = this.#options
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
      const { group, version } = extension
      extension.timer?.cancel()
      this.#extensions.delete(key)
      this.#documents.forget(group, version)
      connections.drop(extensionOwner(group, version))
      changed = true
    }
    for (const extension of this.#extensions.values()) {
      const { group, version, service } = extension
      const backends = this.#backends(extension)
      connections.keepOnly(extensionOwner(group, version), backends)
      const seen = JSON.stringify([service.spec, backends])
      const condition = service.status?.conditions?.length ?? 0
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
        if (verdict.status === 'True') await this.#refreshDocuments(extension)
      })
      .catch((error: unknown) => {
        logger.warn({ error: String(error) }, 'availability of an API not noted yet')
        done(false)
      })
  }

  /** Finds out whether it answers, and takes along what it says it serves. */
  async #judge(extension: Extension): Promise<Verdict> {
    const { cache, random } = this.#options
    const { spec } = extension.service
    const { namespace = '', name = '', port = 443 } = spec.service ?? {}
    const found = backendsInCache(cache, namespace, name, port)
    const problem = backendProblem(spec.service ?? {}, found)
    if (problem !== null || found.kind !== 'ready') return problem ?? failedDiscovery('', '')
    const backend = found.backends[random.integer(found.backends.length)] as Backend
    const path = `/apis/${extension.group}/${extension.version}`
    try {
      const { status, text } = await this.#ask(extension, backend, path, '')
      if (status < 200 || status > 299) {
        throw new Error(`bad status from ${urlOf({ ...backend, path })}: ${status}`)
      }
      const list = parsed(text)
      if (isJsonObject(list)) this.#learn(extension, discoveredResources(list))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return failedDiscovery(urlOf({ ...backend, path }), why)
    }
    return passed
  }

  #ask(extension: Extension, backend: Backend, path: string, etag: string): Promise<Answer> {
    const { clock, identity } = this.#options
    const target = extensionTarget(extension.service.spec, backend, path, identity)
    return askExtension(this.#pool(extension), target, etag, clock, checkMs)
  }

  #refreshDocuments(extension: Extension): Promise<void> {
    const { group, version } = extension
    if (this.#stopped || this.#extensions.get(keyOf(extension)) !== extension) {
      return Promise.resolve()
    }
    return this.#documents.refresh(group, version, async (path, etag) => {
      const backends = this.#backends(extension)
      const backend = backends[this.#options.random.integer(Math.max(1, backends.length))]
      if (backend === undefined) throw new Error('it has no endpoints')
      return this.#ask(extension, backend, path, etag)
    })
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

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new Error('the answer is not JSON')
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
    timer: null,
    checking: false,
    failures: 0,
    seen: '',
  }
}
