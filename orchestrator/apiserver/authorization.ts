// What a request asks an authorizer, and how a refusal reads. Counterpart: the attributes getter and
// responsewriters.Forbidden of k8s.io/apiserver. Pure.

import type { Attributes } from '../api/rbac/attributes.js'
import { forbidden, forbiddenPath } from '../api/status.js'
import type { ApiError } from '../api/status.js'
import type { User } from './authentication.js'
import type { RequestInfo } from './request-info.js'

export function attributesOf(info: RequestInfo): Attributes {
  if (info.kind === 'non-resource') {
    return { kind: 'non-resource', verb: info.verb, path: info.path }
  }
  const { verb, group, resource, subresource, namespace } = info
  const named =
    info.name === '' && (verb === 'list' || verb === 'watch' || verb === 'deletecollection')
  const name = named ? nameSelected(info.query) : info.name
  const labelSelector = info.query.get('labelSelector') ?? ''
  return {
    kind: 'resource',
    verb,
    group,
    resource,
    subresource,
    namespace,
    name,
    ...(labelSelector === '' ? {} : { labelSelector }),
  }
}

/** A collection that is narrowed to one name asks for no more than that object. */
function nameSelected(query: URLSearchParams): string {
  return /^metadata\.name==?([^,=!]+)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? ''
}

/** The 403 as clients of the original know it. */
export function forbiddenError(user: User, asked: Attributes, reason: string): ApiError {
  const why = reason === '' ? sentenceOf(user, asked) : `${sentenceOf(user, asked)}: ${reason}`
  if (asked.kind === 'non-resource') return forbiddenPath(asked.path, why)
  return forbidden({ group: asked.group, plural: asked.resource }, asked.name, why)
}

function sentenceOf(user: User, asked: Attributes): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${asked.verb}`
  if (asked.kind === 'non-resource') return `${who} path ${JSON.stringify(asked.path)}`
  const { resource, subresource, group, namespace } = asked
  const what = subresource === '' ? resource : `${resource}/${subresource}`
  const where =
    namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  return `${who} resource "${what}" in API group "${group}" ${where}`
}
