// Which webhooks there are, in the order in which they are called, and whether one is called for a
// request. Pure but for reading the cache. Counterpart: admission/configuration and ShouldCallHook of
// plugin/webhook/generic.

import type { Kind } from '../../api/kind.js'
import type { KubeObject } from '../../api/object.js'
import { labelSelectorFromObject, matchesLabels } from '../../api/selectors.js'
import type { LabelSelector } from '../../api/selectors.js'
import { notFound } from '../../api/status.js'
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
} from '../../api/types/admission-webhook.js'
import type { DynamicRequest } from './dynamic.js'
import {
  isExempt,
  matchedKind,
  namespaceLabels,
  namespaceOf,
  objectMatches,
} from './rule-matching.js'

export interface Hook {
  /** Among all of its sort. */
  readonly id: string
  /** Those that validate just lack a reinvocationPolicy. */
  readonly webhook: MutatingWebhook
  readonly namespaceSelector: LabelSelector
  readonly objectSelector: LabelSelector
}

/** A webhook that is to be called, with the version that it gets to see. */
export interface Invocation {
  readonly hook: Hook
  readonly kind: Kind
}

export interface SelectionView {
  /** The configurations of one sort. */
  readonly configurations: () => readonly KubeObject[]
  readonly namespace: (name: string) => KubeObject | null
  readonly served: () => readonly Kind[]
}

const none: LabelSelector = []

function hooksOf(configuration: MutatingWebhookConfiguration): readonly Hook[] {
  const { name = '' } = configuration.metadata
  return (configuration.webhooks ?? []).map((webhook, index) => ({
    id: `${name}/${webhook.name}/${index}`,
    webhook,
    namespaceSelector: labelSelectorFromObject(webhook.namespaceSelector) ?? none,
    objectSelector: labelSelectorFromObject(webhook.objectSelector) ?? none,
  }))
}

export class WebhookSelection {
  readonly #view: SelectionView
  /** Stored objects live as long as the cache holds them. */
  readonly #known = new WeakMap<KubeObject, readonly Hook[]>()

  constructor(view: SelectionView) {
    this.#view = view
  }

  /** By the name of the configuration, and in its order. */
  hooks(): readonly Hook[] {
    const configurations = this.#view.configurations()
    if (configurations.length === 0) return []
    return configurations
      .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
      .flatMap(configuration => {
        const hooks = this.#known.get(configuration) ?? hooksOf(configuration)
        this.#known.set(configuration, hooks)
        return hooks
      })
  }

  concerns(request: DynamicRequest): boolean {
    if (isExempt(request)) return false
    return this.hooks().some(hook => this.#kindFor(hook, request) !== null)
  }

  /** Null where it is not called. Throws ApiError NotFound for a namespace that is not there. */
  invocation(hook: Hook, request: DynamicRequest): Invocation | null {
    const labels = namespaceLabels(request, this.#view.namespace)
    const { namespaceSelector } = hook
    const missing = labels === 'missing' && namespaceSelector.length > 0
    const inNamespace = labels === null || labels === 'missing'
    if (!inNamespace && !matchesLabels(namespaceSelector, labels)) return null
    if (!objectMatches(hook.objectSelector, request)) return null
    const kind = this.#kindFor(hook, request)
    if (kind === null) return null
    if (missing) throw notFound({ group: '', plural: 'namespaces' }, namespaceOf(request))
    return { hook, kind }
  }

  #kindFor({ webhook }: Hook, request: DynamicRequest): Kind | null {
    const { rules = [], matchPolicy = 'Equivalent' } = webhook
    return matchedKind(rules, matchPolicy, request, this.#view.served())
  }
}
