// What each verb does to objects of a kind: create, read, update, patch, delete, watch, and the
// subresource status. Counterpart: endpoints/handlers and registry/generic. The decisions are the
// pure functions of the neighbouring files; this is the thread through them.

import type { Clock } from '../../platform/clock.js'
import { unreachable } from '../../platform/errors.js'
import type { Random } from '../../platform/random.js'
import type { Kind } from '../api/kind.js'
import type { KindRegistry } from '../api/kind-registry.js'
import type { KubeObject } from '../api/object.js'
import { fromStored, storedKind, toStored } from '../api/stored-version.js'
import { ApiError, badRequest, conflict, deleted, invalid } from '../api/status.js'
import { resourceVersionRequired } from '../api/validation/metadata.js'
import { deleteOptionsType } from '../api/wire-types.js'
import { decodeConfiguration, settled } from './applying.js'
import { createOptions, deleteOptions, updateOptions } from './admission/options.js'
import { whenDone } from './admission/dynamic.js'
import type { DynamicRequest } from './admission/dynamic.js'
import type { User } from './authentication.js'
import { attributesOf, forbiddenError } from './authorization.js'
import type { Authorizer } from './authorizer.js'
import {
  checkName,
  checkNamespace,
  decodeObject,
  decodeOptions,
  warningHeaders,
} from './decoding.js'
import type { Decoded } from './decoding.js'
import { checkPreconditions, planDelete, timestamp } from './deletion.js'
import type { DeletePlan } from './deletion.js'
import type { ApiRequest, ApiResponse } from './exchange.js'
import {
  appliedObject,
  managerOf,
  ownersAfter,
  ownedFromStart,
  sameButForTimes,
} from './field-management.js'
import type { FieldWriter } from './field-management.js'
import type { Negotiated } from './negotiation.js'
import { withMetadata } from './object-fields.js'
import type { ConversionClient } from './conversion-client.js'
import type { ObjectReader } from './object-reader.js'
import { randomUid } from './object-identity.js'
import type { Change, ChangeResult, ObjectWriter } from './object-writer.js'
import { applyPatch, patchTypeOf } from './patching.js'
import {
  parseDeleteOptions,
  parseGetOptions,
  parseListOptions,
  parsePatchOptions,
  parseWriteOptions,
} from './query-options.js'
import type { DeleteOptions, WriteOptions } from './query-options.js'
import type { RegistryCache } from './registry-cache.js'
import { listResponse } from './list-rendering.js'
import { jsonResponse, objectResponse } from './rendering.js'
import type { ResourceRequest } from './request-info.js'
import { partOf, prepareCreate, prepareWrite } from './strategy.js'
import type { StoredObject } from './stored-object.js'
import type { WatchGate } from './watch-gate.js'
import { watchResponse } from './watch-endpoint.js'
import type { Lens, WriteAdmission } from './write-admission.js'

export interface EndpointServices {
  readonly reader: ObjectReader
  readonly writer: ObjectWriter
  readonly conversions: ConversionClient
  readonly kinds: KindRegistry
  readonly cache: RegistryCache
  readonly clock: Clock
  readonly random: Random
  readonly watches: WatchGate
  readonly authorizer: Authorizer
  readonly admission: WriteAdmission
}

/** One request, parsed, of somebody who may make it. */
export interface Call {
  readonly info: ResourceRequest
  readonly kind: Kind
  readonly request: ApiRequest
  readonly user: User
  readonly negotiated: Negotiated
}

/** `warn` is told what admission has to say; of several attempts the last counts. */
export interface AdmittedOptions extends WriteOptions {
  readonly warn?: (warnings: readonly string[]) => void
}

/** Options that remember what admission warned of. */
function withWarnings(options: WriteOptions) {
  let ofAdmission: readonly string[] = []
  return {
    ...options,
    warn: (warnings: readonly string[]) => {
      ofAdmission = warnings
    },
    warnings: (decoded: Pick<Decoded, 'warnings'>) => ({
      warnings: [...decoded.warnings, ...ofAdmission],
    }),
  }
}

const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789'
const generateNameRounds = 8

export class ResourceEndpoints {
  readonly #services: EndpointServices

  constructor(services: EndpointServices) {
    this.#services = services
  }

  async get(call: Call): Promise<ApiResponse> {
    const { info, kind } = call
    const { reader } = this.#services
    const stored = await reader.get(kind, info.namespace, info.name, parseGetOptions(info.query))
    return this.#object(call, 200, stored)
  }

  async list(call: Call): Promise<ApiResponse> {
    const { info, kind } = call
    const options = parseListOptions(info.query, false)
    const { items, meta } = await this.#services.reader.list(kind, info.namespace, options)
    return listResponse(kind, items, meta, call.negotiated, this.#nowMs())
  }

  watch(call: Call): Promise<ApiResponse> {
    return watchResponse(this.#services, call)
  }

  async create(call: Call): Promise<ApiResponse> {
    const { info, kind, user } = call
    const options = parseWriteOptions(info.query)
    const decoded = this.#decode(call, options)
    const { object } = decoded
    checkNamespace(kind, object, info.namespace)
    if ((object.metadata.resourceVersion ?? '') !== '') {
      throw badRequest('resourceVersion should not be set on objects to be created')
    }
    const generated = (object.metadata.name ?? '') === ''
    const owned = ownedFromStart(kind, kind.withDefaults(object), this.writerOf(call, options))
    const admitted = withWarnings(options)
    for (let round = 1; ; round++) {
      try {
        const stored = await this.#createOwned(kind, owned, info.namespace, user, admitted)
        return await this.#object(call, 201, stored, admitted.warnings(decoded))
      } catch (error) {
        const taken = error instanceof ApiError && error.status.reason === 'AlreadyExists'
        if (!generated || !taken || round >= generateNameRounds) throw error
      }
    }
  }

  /** Makes an object of the server's own, or of a controller within it. Throws ApiError. */
  createOwn(kind: Kind, object: KubeObject, user: User): Promise<StoredObject> {
    const namespace = object.metadata.namespace ?? ''
    const now = timestamp(this.#nowMs())
    const writer: FieldWriter = { manager: ownManager, subresource: '', now }
    const owned = ownedFromStart(kind, kind.withDefaults(object), writer)
    return this.#createOwned(kind, owned, namespace, user, ownOptions)
  }

  /** From an object with defaults and owners to the store. Throws ApiError. */
  #createOwned(
    kind: Kind,
    owned: KubeObject,
    namespace: string,
    user: User,
    options: AdmittedOptions,
  ): Promise<StoredObject> {
    const { admission, conversions, random, writer } = this.#services
    const context = {
      now: timestamp(this.#nowMs()),
      uid: randomUid(random),
      suffix: this.#suffix(),
      namespace,
    }
    const kept = storedKind(kind)
    return conversions.settled(async () => {
      const object = toStored(kind, owned)
      const { name = '' } = object.metadata
      const request: DynamicRequest = {
        kind: kept,
        requestKind: kind,
        body: null,
        subresource: '',
        operation: 'create',
        namespace,
        name,
        object: withNamespace(kept, object, namespace),
        old: null,
        user,
        options: createOptions(options),
        dryRun: options.dryRun,
      }
      const admitted = await admission.created(request, one => {
        const prepared = prepareCreate(kind, one, context)
        // What the server adds may mean defaults of its own, as the selector of a Job does.
        return kind.writes?.onCreate === undefined ? prepared : kept.withDefaults(prepared)
      })
      const stored = await writer.create(kept, admitted.object, options.dryRun)
      options.warn?.(admitted.warnings)
      return stored
    })
  }

  /** PUT of the object, its status, or (with `prepare`) another part of it. */
  async update(call: Call): Promise<ApiResponse> {
    const { info } = call
    const options = parseWriteOptions(info.query)
    const decoded = this.#decode(call, options)
    checkNamespace(call.kind, decoded.object, info.namespace)
    checkName(decoded.object, info.name)
    const blind = (decoded.object.metadata.resourceVersion ?? '') === ''
    const admitted = withWarnings(options)
    const stored = await this.modify(call, admitted, () => {
      if (blind && call.kind.writes?.neverBlindly === true) {
        throw invalid(call.kind, info.name, [resourceVersionRequired])
      }
      return decoded.object
    })
    return this.#object(call, 200, stored, admitted.warnings(decoded))
  }

  async patch(call: Call): Promise<ApiResponse> {
    const { info, kind, request } = call
    const type = patchTypeOf(request.headers.get('content-type') ?? '', kind)
    const options = parsePatchOptions(info.query, type === 'apply')
    if (type === 'apply') return this.#apply(call, options)
    let warnings: readonly string[] = []
    const admitted = withWarnings(options)
    const stored = await this.modify(call, admitted, current => {
      const patched = applyPatch(kind, current, type, request.body, options.fieldValidation)
      warnings = patched.warnings
      checkNamespace(kind, patched.object, info.namespace)
      checkName(patched.object, info.name)
      return patched.object
    })
    return this.#object(call, 200, stored, admitted.warnings({ warnings }))
  }

  /** Server-side apply: changes the object, or makes it where there is none. */
  async #apply(call: Call, options: WriteOptions): Promise<ApiResponse> {
    const { info, kind, request } = call
    const contentType = request.headers.get('content-type') ?? ''
    const validation = options.fieldValidation
    const decoded = decodeConfiguration(kind, info, request.body, contentType, validation)
    const applied = (live: KubeObject | null): KubeObject => {
      const writer = this.writerOf(call, options)
      const object = settled(kind, appliedObject(kind, live, decoded.config, writer, options.force))
      checkNamespace(kind, object, info.namespace)
      checkName(object, info.name)
      return object
    }
    const admitted = withWarnings(options)
    for (let round = 1; ; round++) {
      try {
        const stored = await this.modify(call, admitted, applied, { owned: true })
        return this.#object(call, 200, stored, admitted.warnings(decoded))
      } catch (error) {
        const absent = error instanceof ApiError && error.status.reason === 'NotFound'
        if (!absent || info.subresource !== '') throw error
      }
      try {
        const stored = await this.#createApplied(call, admitted, applied(null))
        return this.#object(call, 201, stored, admitted.warnings(decoded))
      } catch (error) {
        // Somebody else was faster: then there is an object to change.
        const taken = error instanceof ApiError && error.status.reason === 'AlreadyExists'
        if (!taken || round >= applyRounds) throw error
      }
    }
  }

  async #createApplied(
    call: Call,
    options: AdmittedOptions,
    object: KubeObject,
  ): Promise<StoredObject> {
    const { info, kind, user } = call
    const asked = attributesOf({ ...info, verb: 'create' })
    const { allowed, reason } = await this.#services.authorizer.freshVerdict(user, asked)
    if (!allowed) throw forbiddenError(user, asked, reason)
    const { uid = '', resourceVersion = '' } = object.metadata
    if (uid !== '') {
      const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`
      throw conflict(kind, info.name, why)
    }
    if (resourceVersion !== '') throw conflict(kind, info.name)
    return this.#createOwned(kind, object, info.namespace, user, options)
  }

  /** As whom a request writes. `subresource`: where another one than the URL's owns what is written. */
  writerOf(
    { info, request }: Call,
    { fieldManager }: Pick<WriteOptions, 'fieldManager'>,
    subresource: string = info.subresource,
  ): FieldWriter {
    const manager = managerOf(fieldManager, request.headers.get('user-agent') ?? '')
    return { manager, subresource, now: timestamp(this.#nowMs()) }
  }

  /**
   * Reads, lets `next` make the new object, prepares, admits, validates, swaps. `next` sees and
   * answers the version of the call. Throws ApiError.
   */
  async modify(
    call: Call,
    options: AdmittedOptions,
    next: (current: KubeObject) => KubeObject,
    { lens, owned = false }: Modification = {},
  ): Promise<StoredObject> {
    const { info, user } = call
    const kind = storedKind(call.kind)
    const subresource = lens?.subresource ?? info.subresource
    const part = partOf(kind, info.subresource)
    const result = await this.#services.writer.change(
      kind,
      info.namespace,
      info.name,
      current => {
        const now = timestamp(this.#nowMs())
        const prepare = (object: KubeObject) =>
          prepareWrite(kind, info.subresource, object, current, now)
        // Before anything is compared: what a client leaves out is no change.
        const wanted = toStored(call.kind, next(fromStored(call.kind, current)))
        checkVersion(kind, wanted, current)
        const prepared = prepare(wanted)
        const { managedFields } = wanted.metadata
        const managed = withMetadata(prepared, {
          managedFields: owned
            ? managedFields
            : ownersAfter(
                call.kind,
                fromStored(call.kind, withMetadata(prepared, { managedFields })),
                fromStored(call.kind, current),
                this.writerOf(call, options, subresource),
              ),
        })
        const request: DynamicRequest = {
          kind,
          requestKind: call.kind,
          body: null,
          subresource: info.subresource,
          operation: 'update',
          namespace: info.namespace,
          name: info.name,
          object: managed,
          old: current,
          user,
          options: updateOptions(options),
          dryRun: options.dryRun,
        }
        const preparation = { prepare, part, ...(lens === undefined ? {} : { lens }) }
        return whenDone(
          this.#services.admission.changed(request, preparation),
          ({ object, warnings }): Change => {
            options.warn?.(warnings)
            // What an update changed has changed, unless admission took it back.
            const idle = (owned || object !== managed) && sameButForTimes(object, current)
            return idle ? { kind: 'none' } : { kind: 'put', object }
          },
        )
      },
      options.dryRun,
    )
    return result.object
  }

  async delete(call: Call): Promise<ApiResponse> {
    const { info, kind } = call
    const options = this.deleteOptions(call)
    const { object, removed, warnings } = await this.deleteOne(call, info, options)
    if (!removed || kind.writes?.deleteReturnsObject === true) {
      return this.#object(call, 200, object, { warnings })
    }
    const { uid = '' } = object.object.metadata
    const status = deleted(kind, info.name, uid)
    return jsonResponse(200, status, call.negotiated.format, warningHeaders(warnings))
  }

  async deleteCollection(call: Call): Promise<ApiResponse> {
    const { info, kind } = call
    const options = this.deleteOptions(call)
    const selection = parseListOptions(info.query, false)
    const { items, meta } = await this.#services.reader.list(kind, info.namespace, {
      ...selection,
      limit: 0,
      continueToken: '',
    })
    const gone: StoredObject[] = []
    for (const item of items) {
      const { name = '', namespace = '' } = item.object.metadata
      try {
        gone.push((await this.deleteOne(call, { namespace, name }, options)).object)
      } catch (error) {
        const absent = error instanceof ApiError && error.status.reason === 'NotFound'
        if (!absent) throw error
      }
    }
    await this.#services.conversions.ready(kind, gone)
    return listResponse(kind, gone, meta, call.negotiated, this.#nowMs())
  }

  /** Throws ApiError. */
  deleteOptions(call: Call): DeleteOptions {
    const { info, request } = call
    if (request.body.length === 0) return parseDeleteOptions(info.query, null)
    const contentType = request.headers.get('content-type') ?? ''
    const body = decodeOptions(deleteOptionsType, request.body, contentType)
    return parseDeleteOptions(info.query, body)
  }

  /** Whoever has asked admission already is `trusted`. Throws ApiError. */
  async deleteOne(
    call: Call,
    { namespace, name }: { readonly namespace: string; readonly name: string },
    options: DeleteOptions,
    trusted = false,
  ): Promise<ChangeResult & { readonly warnings: readonly string[] }> {
    const { info, user } = call
    const { admission } = this.#services
    const kind = storedKind(call.kind)
    const request: DynamicRequest = {
      kind,
      requestKind: call.kind,
      body: null,
      subresource: '',
      operation: 'delete',
      namespace: info.namespace,
      name,
      object: null,
      old: null,
      user,
      options: deleteOptions(options),
      dryRun: options.dryRun,
    }
    admission.removing(request)
    let warnings: readonly string[] = []
    const result = await this.#services.writer.change(
      kind,
      namespace,
      name,
      current => {
        admission.restrict({ ...request, old: current })
        checkPreconditions(kind, current, options)
        const plan = planDelete(kind, current, options, this.#nowMs())
        // A collection is deleted without names, as in Kubernetes.
        const asked = trusted
          ? null
          : admission.removed({ ...request, old: current, name: info.name })
        if (asked === null) return changeOf(plan)
        return asked.then(said => {
          warnings = said
          return changeOf(plan)
        })
      },
      options.dryRun,
    )
    return { ...result, warnings }
  }

  #decode(call: Call, options: WriteOptions): Decoded {
    const { kind, request } = call
    const contentType = request.headers.get('content-type') ?? ''
    return decodeObject(kind, request.body, contentType, options.fieldValidation)
  }

  async #object(
    call: Call,
    status: number,
    stored: StoredObject,
    decoded: Pick<Decoded, 'warnings'> = { warnings: [] },
  ): Promise<ApiResponse> {
    await this.#services.conversions.ready(call.kind, [stored])
    const headers = warningHeaders(decoded.warnings)
    return objectResponse(status, call.kind, stored, call.negotiated, this.#nowMs(), headers)
  }

  #nowMs(): number {
    return this.#services.clock.wallMs()
  }

  #suffix(): string {
    const { random } = this.#services
    return Array.from(
      { length: 5 },
      () => suffixAlphabet[random.integer(suffixAlphabet.length)],
    ).join('')
  }
}

/** How a change is made that is more than the request's object in place of the old one. */
export interface Modification {
  /** What clients write instead of the object, and as which subresource its fields are owned. */
  readonly lens?: Lens
  /** The new object comes with its owners. */
  readonly owned?: boolean
}

/** The owner of the fields of what the server makes itself. */
const ownManager = 'kube-apiserver'
const ownOptions: WriteOptions = {
  dryRun: false,
  fieldValidation: 'Warn',
  fieldManager: '',
  force: false,
}

const applyRounds = 4

function withNamespace(kind: Kind, object: KubeObject, namespace: string): KubeObject {
  const given = object.metadata.namespace
  const wanted = kind.namespaced ? namespace : undefined
  return given === wanted ? object : withMetadata(object, { namespace: wanted })
}

function changeOf(plan: DeletePlan): Change {
  switch (plan.kind) {
    case 'remove':
      return { kind: 'remove' }
    case 'update':
      return { kind: 'put', object: plan.object }
    case 'pending':
      return { kind: 'none' }
    default:
      return unreachable(plan)
  }
}

/** Optimistic locking: what the client read must still be what is there. Throws ApiError. */
export function checkVersion(kind: Kind, wanted: KubeObject, current: KubeObject): void {
  const { resourceVersion = '', uid = '', name = '' } = wanted.metadata
  const found = current.metadata.uid ?? ''
  if (uid !== '' && uid !== found) {
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${found}`,
    )
  }
  if (resourceVersion !== '' && resourceVersion !== current.metadata.resourceVersion) {
    throw conflict(kind, name)
  }
}
