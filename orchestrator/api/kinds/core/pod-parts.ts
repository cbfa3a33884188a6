// What may change in a pod that runs through endpoints of its own: ephemeral containers and resources.
// Counterpart: the strategies of pods/ephemeralcontainers and pods/resize in pkg/registry/core/pod.

import type { ObjectPart } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import type { Container } from '../../types/core-container.js'
import type { Pod } from '../../types/core-pod.js'
import { validateEphemeralUpdate } from '../../validation/ephemeral-containers.js'
import { validateResize } from '../../validation/pod-resize.js'

function withEphemeralContainers(object: KubeObject, old: KubeObject): Pod {
  const { ephemeralContainers } = (object as Pod).spec
  const { ephemeralContainers: _, ...spec } = (old as Pod).spec
  return {
    ...old,
    spec: ephemeralContainers === undefined ? spec : { ...spec, ephemeralContainers },
  }
}

/** Where containers come, go or change places, all of them are kept, for validation to see. */
function withResources(object: KubeObject, old: KubeObject): Pod {
  const { containers, initContainers } = (object as Pod).spec
  const { spec } = old as Pod
  return {
    ...old,
    spec: {
      ...spec,
      containers: resized(containers, spec.containers),
      ...(initContainers === undefined
        ? {}
        : { initContainers: resized(initContainers, spec.initContainers ?? []) }),
    },
  }
}

function resized(next: readonly Container[], old: readonly Container[]): readonly Container[] {
  const same = next.length === old.length && next.every((c, i) => c.name === old[i]?.name)
  if (!same) return next
  return old.map((container, index) => {
    const { resources: _resources, resizePolicy: _policy, ...rest } = container
    const { resources, resizePolicy } = next[index] ?? container
    return {
      ...rest,
      ...(resources === undefined ? {} : { resources }),
      ...(resizePolicy === undefined ? {} : { resizePolicy }),
    }
  })
}

export const ephemeralContainers: ObjectPart = {
  merge: withEphemeralContainers,
  validate: (object, old) => validateEphemeralUpdate(object as Pod, old as Pod),
}

export const resources: ObjectPart = {
  merge: withResources,
  validate: (object, old) => validateResize(object as Pod, old as Pod),
}
