// The admission plug-in of policies: keeps them as the cache has them, and asks the pure decisions
// beside it. Counterpart: plugin/policy/validating and plugin/policy/mutating.

import type { Logger } from '../../../../platform/logger.js'
import type { Kind } from '../../../api/kind.js'
import type { KindRegistry } from '../../../api/kind-registry.js'
import type { KubeObject } from '../../../api/object.js'
import { fromStored, storedKind, toStored } from '../../../api/stored-version.js'
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../../api/types/admission-policy.js'
import type { Authorizer } from '../../authorizer.js'
import { resourceId } from '../../keys.js'
import type { ObjectReader } from '../../object-reader.js'
import type { RegistryCache } from '../../registry-cache.js'
import type { AdmissionPlugin, DynamicRequest, Mutation } from '../dynamic.js'
import { mutateByPolicies } from './mutating-decision.js'
import type { MutationMemory } from './mutating-decision.js'
import { matchingKind } from './policy-matching.js'
import { boundPolicies } from './policy-set.js'
import type { BoundMutating, BoundValidating } from './policy-set.js'
import { decideFor } from './rights.js'
import { decideByPolicies } from './validating-decision.js'
import type { PolicyView } from './validating-decision.js'

export const registrationGroup = 'admissionregistration.k8s.io'

export interface PolicyAdmissionOptions {
  readonly kinds: KindRegistry
  readonly cache: RegistryCache
  readonly reader: ObjectReader
  readonly authorizer: Authorizer
  readonly logger: Logger
}

export class PolicyAdmission implements AdmissionPlugin {
  readonly name = 'policies'
  readonly #options: PolicyAdmissionOptions
  #validating: readonly BoundValidating[] | null = null
  #mutating: readonly BoundMutating[] | null = null
  #served: readonly Kind[] = []
  #versionsOf = new Map<Kind, readonly Kind[]>()

  constructor(options: PolicyAdmissionOptions) {
    this.#options = options
    const forget = () => {
      this.#validating = null
      this.#mutating = null
    }
    for (const plural of plurals) {
      const id = resourceId(registrationGroup, plural)
      options.cache.listen(id, { onChange: forget, onReset: forget })
    }
  }

  concerns(request: DynamicRequest): boolean {
    const validating = this.#validatingPolicies()
    const mutating = this.#mutatingPolicies()
    if (validating.length === 0 && mutating.length === 0) return false
    const view = this.#view(request)
    const concerned = ({ policy: { spec } }: BoundValidating | BoundMutating) =>
      matchingKind(spec?.matchConstraints ?? {}, request, view) !== null
    return validating.some(concerned) || mutating.some(concerned)
  }

  async mutate(request: DynamicRequest, memory: unknown): Promise<Mutation> {
    const back = (object: KubeObject, kind: Kind) =>
      kind === storedKind(kind) ? object : toStored(kind, object)
    const decide = () =>
      mutateByPolicies(
        this.#mutatingPolicies(),
        request,
        this.#view(request),
        memory as MutationMemory | null,
        back,
      )
    const first = decide()
    const decision = first.refusal === null ? first : await this.#settled(decide)
    if (decision.refusal !== null) throw decision.refusal
    const { object, changed } = decision
    return { object, warnings: [], again: changed, memory: decision.memory }
  }

  async validate(request: DynamicRequest): Promise<readonly string[]> {
    const decide = () => decideByPolicies(this.#validatingPolicies(), request, this.#view(request))
    const first = decide()
    const { refusal, warnings, audit } =
      first.refusal === null ? first : await this.#settled(decide)
    // There is no audit log; the server's own stands in for it.
    for (const record of audit) {
      const { namespace, name, kind, user } = request
      const about = { resource: kind.plural, namespace, name, user: user.name }
      this.#options.logger.info({ ...about, ...record }, 'audit annotation of a policy')
    }
    if (refusal !== null) throw refusal
    return warnings
  }

  /** A refusal counts only when everything that any master confirmed has been looked at. */
  async #settled<T>(decide: () => T): Promise<T> {
    await this.#options.cache.waitUntilFresh(freshMs)
    return decide()
  }

  #validatingPolicies(): readonly BoundValidating[] {
    this.#validating ??= boundPolicies(
      this.#all('validatingadmissionpolicies') as readonly ValidatingAdmissionPolicy[],
      this.#all('validatingadmissionpolicybindings') as readonly ValidatingAdmissionPolicyBinding[],
    )
    return this.#validating
  }

  #mutatingPolicies(): readonly BoundMutating[] {
    this.#mutating ??= boundPolicies(
      this.#all('mutatingadmissionpolicies') as readonly MutatingAdmissionPolicy[],
      this.#all('mutatingadmissionpolicybindings') as readonly MutatingAdmissionPolicyBinding[],
    )
    return this.#mutating
  }

  #all(plural: string): readonly KubeObject[] {
    return this.#options.reader
      .cachedList(registrationGroup, plural, '')
      .map(stored => stored.object)
  }

  /** The kind in all its versions: a request is taken as no other. */
  #versions(kind: Kind): readonly Kind[] {
    const { all } = this.#options.kinds
    if (this.#served !== all) {
      this.#served = all
      this.#versionsOf = new Map()
    }
    const known = this.#versionsOf.get(kind)
    if (known !== undefined) return known
    const versions = all.filter(one => storedKind(one) === storedKind(kind))
    this.#versionsOf.set(kind, versions)
    return versions
  }

  #view({ user, requestKind }: DynamicRequest): PolicyView {
    const { kinds, reader, authorizer } = this.#options
    return {
      served: this.#versions(requestKind),
      namespace: name => reader.cachedAt('', 'namespaces', '', name)?.object ?? null,
      converted: (object, kind) => fromStored(kind, object),
      decide: decideFor(authorizer, user),
      params: {
        kind: (apiVersion, name) =>
          kinds.all.find(
            ({ group, version, kind }) =>
              kind === name && apiVersion === (group === '' ? version : `${group}/${version}`),
          ) ?? null,
        object: (kind, namespace, name) => {
          const stored = reader.cachedAt(kind.group, kind.plural, namespace, name)
          return stored === undefined ? null : fromStored(kind, stored.object)
        },
        list: (kind, namespace) =>
          reader
            .cachedList(kind.group, kind.plural, namespace)
            .map(stored => fromStored(kind, stored.object)),
      },
    }
  }
}

const freshMs = 5_000

const plurals = [
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]
