// Which container of a pod a request is about. Counterpart: LogLocation and validateContainer of
// registry/core/pod. Pure.

import type { KubeObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import { badRequest } from '../api/status.js'
import { listAt } from './object-fields.js'

/** The container whose log or stream is meant. Throws ApiError BadRequest, in the original's words. */
export function podContainer(pod: KubeObject, asked: string): string {
  const { name: podName = '' } = pod.metadata
  const names = (path: string) =>
    listAt(pod, path).flatMap(container => {
      const name = isJsonObject(container) ? container['name'] : undefined
      return typeof name === 'string' ? [name] : []
    })
  const containers = names('spec.containers')
  const init = names('spec.initContainers')
  const ephemeral = names('spec.ephemeralContainers')
  if (asked !== '') {
    if ([...containers, ...init, ...ephemeral].includes(asked)) return asked
    throw badRequest(`container ${asked} is not valid for pod ${podName}`)
  }
  const annotated = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'] ?? ''
  if (containers.includes(annotated)) return annotated
  const [only, ...others] = containers
  if (only !== undefined && others.length === 0) return only
  const choose = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : ''
  throw badRequest(
    `a container name must be specified for pod ${podName}, choose one of: [${containers.join(' ')}]${choose}`,
  )
}
