// The objects that a binding gives its policy as parameters. Pure.
// Counterpart: CollectParams of plugin/policy/generic.

import type { Kind } from '../../../api/kind.js'
import type { KubeObject } from '../../../api/object.js'
import { labelSelectorFromObject, matchesLabels } from '../../../api/selectors.js'
import type { ParamKind, ParamRef } from '../../../api/types/admission-policy.js'

export interface ParamSource {
  /** Null when no such kind is served. */
  readonly kind: (apiVersion: string, kind: string) => Kind | null
  /** In the version of `kind`. */
  readonly object: (kind: Kind, namespace: string, name: string) => KubeObject | null
  /** Namespace '' is all of them. */
  readonly list: (kind: Kind, namespace: string) => readonly KubeObject[]
}

/** What is wrong with a policy, or with a binding of it. */
export class ConfigurationError extends Error {
  readonly of: 'policy' | 'binding'

  constructor(of: ConfigurationError['of'], message: string) {
    super(`failed to configure ${of}: ${message}`)
    this.of = of
  }
}

const paramsMax = 1_000

/** [null] where the policy has none. Throws ConfigurationError. */
export function collectParams(
  paramKind: ParamKind | undefined,
  reference: ParamRef | undefined,
  requestNamespace: string,
  source: ParamSource,
): readonly (KubeObject | null)[] {
  if (paramKind === undefined) return [null]
  const { apiVersion = '', kind: kindName = '' } = paramKind
  const kind = source.kind(apiVersion, kindName)
  if (kind === null) {
    const what = `'${apiVersion}, Kind=${kindName}'`
    throw new ConfigurationError(
      'policy',
      `failed to find resource referenced by paramKind: ${what}`,
    )
  }
  if (reference === undefined) return [null]
  const { name = '', namespace: given = '', selector, parameterNotFoundAction } = reference
  if (!kind.namespaced && given !== '') {
    const text = 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`'
    throw new ConfigurationError('binding', text)
  }
  const namespace = kind.namespaced ? given || requestNamespace : ''
  if (kind.namespaced && namespace === '') {
    const text =
      'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources'
    throw new ConfigurationError('binding', text)
  }
  const found =
    name === '' ? selected(kind, namespace, selector, source) : one(kind, namespace, name, source)
  if (found.length === 0 && parameterNotFoundAction === 'Deny') {
    const text = 'no params found for policy binding with `Deny` parameterNotFoundAction'
    throw new ConfigurationError('binding', text)
  }
  return found
}

function one(
  kind: Kind,
  namespace: string,
  name: string,
  source: ParamSource,
): readonly KubeObject[] {
  const found = source.object(kind, namespace, name)
  return found === null ? [] : [found]
}

function selected(
  kind: Kind,
  namespace: string,
  selector: ParamRef['selector'],
  source: ParamSource,
): readonly KubeObject[] {
  const wanted = labelSelectorFromObject(selector) ?? []
  return source
    .list(kind, namespace)
    .filter(({ metadata }) => matchesLabels(wanted, metadata.labels))
    .slice(0, paramsMax)
}
