// One object, several versions: it is kept under one key in one form, and converted where a client
// reads or writes it under another version. Everything between those two places sees the stored
// form. Counterpart: the internal versions and the storage version of k8s.io/apiserver.

import type { Kind } from './kind.js'
import type { KubeObject } from './object.js'

/** The kind as which objects of `kind` are kept; itself for most. */
export function storedKind(kind: Kind): Kind {
  return kind.storedAs?.kind ?? kind
}

/** What a client wrote, with its defaults, as it is kept. */
export function toStored(kind: Kind, object: KubeObject): KubeObject {
  const complete = kind.withDefaults(object)
  const { storedAs } = kind
  return storedAs === undefined ? complete : storedAs.kind.withDefaults(storedAs.toStored(complete))
}

/** What is kept, as clients of `kind` see it. */
export function fromStored(kind: Kind, object: KubeObject): KubeObject {
  return kind.storedAs === undefined ? object : kind.storedAs.fromStored(object)
}
