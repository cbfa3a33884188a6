// What every write passes between decoding and the store: what is built in, what clients have
// configured, the kind's own preparation, validation, and the checks after it. Where nothing is configured for a
// request nothing is waited for. Counterpart: the admission of endpoints/handlers, and the parts of
// registry/rest that it surrounds.

import { must } from '../../platform/errors.js'
import type { GroupVersionKind, ObjectPart } from '../api/kind.js'
import { clientEntries } from '../api/merge/managed-fields.js'
import type { KubeObject } from '../api/object.js'
import { invalid, isStatusReason } from '../api/status.js'
import { validateObject } from '../api/validation/object.js'
import { mutateInTurn, validateInTurn, warned } from './admission/dynamic.js'
import type { AdmissionPlugin, DynamicRequest, Mutated } from './admission/dynamic.js'
import { admitNamespace, check, mutate, restrictNode } from './admission.js'
import type { AdmissionView } from './admission.js'
import type { Authorizer } from './authorizer.js'
import { withMetadata } from './object-fields.js'
import type { ObjectReader } from './object-reader.js'
import type { RegistryCache } from './registry-cache.js'
import { guardRights } from './rights-guard.js'

export interface WriteAdmissionServices {
  readonly reader: ObjectReader
  readonly cache: RegistryCache
  readonly authorizer: Authorizer
  /** In the order in which they are asked. */
  readonly plugins: readonly AdmissionPlugin[]
}

export interface Admitted {
  readonly object: KubeObject
  readonly warnings: readonly string[]
}

/** How an object becomes what is stored, after everything that may change what the client meant. */
export interface Preparation {
  readonly prepare: (object: KubeObject) => KubeObject
  /** What alone is written, if not the whole object. */
  readonly part: ObjectPart | null
  /** Set where clients write something that stands for a part of the object, as a Scale does. */
  readonly lens?: Lens
}

export interface Lens {
  readonly subresource: string
  readonly body: GroupVersionKind
  readonly of: (object: KubeObject) => KubeObject
  readonly into: (object: KubeObject, seen: KubeObject) => KubeObject
}

/** May throw ApiError. */
export type Settle = (object: KubeObject) => KubeObject | Promise<KubeObject>

const asItIs: Settle = object => object
const freshMs = 5_000

export class WriteAdmission {
  readonly #services: WriteAdmissionServices
  readonly #view: AdmissionView

  constructor(services: WriteAdmissionServices) {
    this.#services = services
    this.#view = admissionView(services.reader)
  }

  /** `prepare` sets what the server alone knows, the name included. Throws ApiError. */
  async created(
    request: DynamicRequest,
    prepare: (object: KubeObject) => KubeObject,
  ): Promise<Admitted> {
    const preparation: Preparation = { prepare, part: null }
    const plugins = this.#concerned(request)
    if (plugins.length > 0) return this.#inTurn(plugins, request, request, preparation)
    return this.#fresh(() => {
      const object = must(this.#mutated(request), 'a write has an object')
      return this.#complete(request, prepare(object), preparation)
    })
  }

  /**
   * The object has been prepared, and is again where somebody changes it. May be called within a
   * decision about a write: waits only where it has to. Throws ApiError.
   */
  changed(request: DynamicRequest, preparation: Preparation): Admitted | Promise<Admitted> {
    const { lens } = preparation
    const seen = lens === undefined ? request : through(lens, request)
    const plugins = this.#concerned(seen)
    if (plugins.length > 0) return this.#inTurn(plugins, request, seen, preparation)
    const object = must(this.#mutated(request), 'a write has an object')
    return this.#complete(request, object, preparation)
  }

  /** Of the namespace, before the object is read. Throws ApiError. */
  removing(request: DynamicRequest): void {
    admitNamespace(request, this.#view)
  }

  /** Of what is there. Throws ApiError. */
  restrict(request: DynamicRequest): void {
    restrictNode(request)
  }

  /** Answers with warnings; null where nobody has to be waited for. Rejects with ApiError. */
  removed(request: DynamicRequest): Promise<readonly string[]> | null {
    const plugins = this.#concerned(request)
    return plugins.length === 0
      ? null
      : this.#passed(plugins, request, asItIs).then(m => m.warnings)
  }

  /**
   * What is not stored itself: a review, a Binding, an Eviction, the options of an exec. `settled` makes of it what
   * is acted on, or refuses it, between those who may change it and those who judge it. Answers with it as it
   * goes on. Throws ApiError.
   */
  async passed(request: DynamicRequest, settled: Settle = asItIs): Promise<Mutated> {
    await this.#fresh(() => admitNamespace(request, this.#view))
    const plugins = this.#concerned(request)
    if (plugins.length > 0) return this.#passed(plugins, request, settled)
    return { object: request.object && (await settled(request.object)), warnings: [] }
  }

  async #passed(
    plugins: readonly AdmissionPlugin[],
    request: DynamicRequest,
    settled: Settle,
  ): Promise<Mutated> {
    const mutated = await mutateInTurn(plugins, request, ({ object }) => object)
    const { warnings } = mutated
    try {
      const object = mutated.object && (await settled(mutated.object))
      const said = await validateInTurn(plugins, { ...request, object })
      return { object, warnings: [...warnings, ...said] }
    } catch (error) {
      throw warned(error, warnings)
    }
  }

  #concerned(request: DynamicRequest): readonly AdmissionPlugin[] {
    const { plugins } = this.#services
    return plugins.some(plugin => plugin.concerns(request))
      ? plugins.filter(plugin => plugin.concerns(request))
      : none
  }

  /** `seen` is the request as clients made it, if the whole object is not what they wrote. */
  async #inTurn(
    plugins: readonly AdmissionPlugin[],
    request: DynamicRequest,
    seen: DynamicRequest,
    preparation: Preparation,
  ): Promise<Admitted> {
    const isNew = request.old === null
    const { lens } = preparation
    const mutated = await mutateInTurn(plugins, seen, turn =>
      isNew ? this.#fresh(() => this.#mutated(turn)) : this.#mutated(turn),
    )
    const { object: written, warnings: ofOwners } = withSoundOwners(
      must(mutated.object, 'a write has an object'),
      must(seen.object, 'a write has an object'),
    )
    const whole = must(request.object, 'a write has an object')
    const object = preparation.prepare(lens === undefined ? written : lens.into(whole, written))
    const complete = () => this.#complete(request, object, preparation)
    const warnings = [...mutated.warnings, ...ofOwners]
    try {
      const admitted = await (isNew ? this.#fresh(complete) : complete())
      warnings.push(...admitted.warnings)
      const asSeen = lens === undefined ? admitted.object : lens.of(admitted.object)
      warnings.push(...(await validateInTurn(plugins, { ...seen, object: asSeen })))
      return { object: admitted.object, warnings }
    } catch (error) {
      throw warned(error, warnings)
    }
  }

  /** Throws ApiError Forbidden, NotFound. */
  #mutated(request: DynamicRequest): KubeObject | null {
    // The rest of a generated name is not known yet: messages show what there is of it.
    const { name = '', generateName = '' } = request.object?.metadata ?? {}
    const named = { ...request, name: request.name || name || generateName }
    restrictNode(named)
    admitNamespace(named, this.#view)
    return mutate(named, this.#view)
  }

  /** From what is meant to be stored to what may be. Throws ApiError Forbidden, Invalid. */
  #complete(request: DynamicRequest, object: KubeObject, { part }: Preparation): Admitted {
    const { name = '' } = object.metadata
    const named = { ...request, name, object }
    guardRights(named, this.#services.authorizer)
    const errors = validateObject(request.requestKind, object, request.old, part)
    if (errors.length > 0) throw invalid(request.kind, name, errors)
    return { object, warnings: check(named, this.#view) }
  }

  /** What the request depends on may just have been made through another master. */
  async #fresh<T>(work: () => T): Promise<T> {
    try {
      return work()
    } catch (error) {
      const stale = isStatusReason(error, 'NotFound') || isStatusReason(error, 'Forbidden')
      if (!stale) throw error
      await this.#services.cache.waitUntilFresh(freshMs)
      return work()
    }
  }
}

/** Whoever changes an object may not leave its owners in pieces. */
function withSoundOwners(object: KubeObject, before: KubeObject): Admitted {
  const { managedFields } = object.metadata
  const given = before.metadata.managedFields
  if (managedFields === given || clientEntries(managedFields ?? []) !== null) {
    return { object, warnings: [] }
  }
  const text =
    '.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests'
  return { object: withMetadata(object, { managedFields: given }), warnings: [text] }
}

function through(lens: Lens, request: DynamicRequest): DynamicRequest {
  const { subresource, body, of } = lens
  return {
    ...request,
    subresource,
    body,
    object: request.object && of(request.object),
    old: request.old && of(request.old),
  }
}

const none: readonly AdmissionPlugin[] = []

function admissionView(reader: ObjectReader): AdmissionView {
  return {
    namespace: name => reader.cachedAt('', 'namespaces', '', name)?.object ?? null,
    serviceAccountExists: (namespace, name) =>
      reader.cachedAt('', 'serviceaccounts', namespace, name) !== undefined,
    object: (group, plural, namespace, name) =>
      reader.cachedAt(group, plural, namespace, name)?.object ?? null,
    list: (group, plural, namespace) =>
      reader.cachedList(group, plural, namespace).map(stored => stored.object),
  }
}
