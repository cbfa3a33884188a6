// Keeps the status of ValidatingAdmissionPolicies: which of their expressions do not fit the kinds that
// they are about. Every master does this; what is written is the same, and compare-and-swap lets one
// write count. Counterpart: pkg/controller/validatingadmissionpolicystatus.

import type { Clock, Timer } from '../../../../platform/clock.js'
import type { Logger } from '../../../../platform/logger.js'
import type { KindRegistry } from '../../../api/kind-registry.js'
import { validatingAdmissionPolicy } from '../../../api/kinds/admissionregistration/admission-policies.js'
import type { KubeObject } from '../../../api/object.js'
import { expressionWarnings } from '../../../api/policy-language/type-checking.js'
import { isStatusReason } from '../../../api/status.js'
import type { ValidatingAdmissionPolicy } from '../../../api/types/admission-policy.js'
import { resourceId } from '../../keys.js'
import type { ObjectReader } from '../../object-reader.js'
import type { Change, ObjectWriter } from '../../object-writer.js'
import type { RegistryCache } from '../../registry-cache.js'
import { registrationGroup } from './policy-admission.js'

const retryMs = 1_000

export interface PolicyStatusOptions {
  readonly kinds: KindRegistry
  readonly cache: RegistryCache
  readonly reader: ObjectReader
  readonly writer: ObjectWriter
  readonly clock: Clock
  readonly logger: Logger
}

export class PolicyStatus {
  readonly #options: PolicyStatusOptions
  readonly #unlisten: () => void
  readonly #busy = new Set<string>()
  readonly #again = new Set<string>()
  #timer: Timer | null = null
  #stopped = false

  constructor(options: PolicyStatusOptions) {
    this.#options = options
    const id = resourceId(registrationGroup, validatingAdmissionPolicy.plural)
    const look = () => this.#lookAtAll()
    this.#unlisten = options.cache.listen(id, { onChange: look, onReset: look })
  }

  stop(): void {
    this.#stopped = true
    this.#unlisten()
    this.#timer?.cancel()
  }

  #lookAtAll(): void {
    if (this.#stopped) return
    const { plural } = validatingAdmissionPolicy
    for (const { object } of this.#options.reader.cachedList(registrationGroup, plural, '')) {
      const { name = '' } = object.metadata
      if (checked(object, this.#options.kinds) !== null) this.#look(name)
    }
  }

  #look(name: string): void {
    if (this.#busy.has(name)) {
      this.#again.add(name)
      return
    }
    this.#busy.add(name)
    this.#write(name)
      .catch((error: unknown) => {
        if (isStatusReason(error, 'NotFound') || this.#stopped) return
        this.#options.logger.warn({ policy: name, error: String(error) }, 'not checked yet')
        this.#later()
      })
      .finally(() => {
        this.#busy.delete(name)
        if (this.#again.delete(name) && !this.#stopped) this.#look(name)
      })
  }

  #later(): void {
    this.#timer?.cancel()
    this.#timer = this.#options.clock.setTimer(retryMs, () => this.#lookAtAll())
  }

  async #write(name: string): Promise<void> {
    const { kinds, writer } = this.#options
    const decide = (current: KubeObject): Change => {
      const object = checked(current, kinds)
      return object === null ? { kind: 'none' } : { kind: 'put', object }
    }
    await writer.change(validatingAdmissionPolicy, '', name, decide, false)
  }
}

/** Null where the status is that of this generation. */
function checked(object: KubeObject, kinds: KindRegistry): ValidatingAdmissionPolicy | null {
  const policy = object as ValidatingAdmissionPolicy
  const { generation = 0, deletionTimestamp } = policy.metadata
  const { status = {} } = policy
  if (status.observedGeneration === generation || deletionTimestamp !== undefined) return null
  const warnings = expressionWarnings(policy, kinds.all)
  const typeChecking = warnings.length === 0 ? {} : { expressionWarnings: warnings }
  return { ...policy, status: { ...status, observedGeneration: generation, typeChecking } }
}
