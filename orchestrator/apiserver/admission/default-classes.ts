// Who names no class gets the one that stands for that. Counterpart: the plugins DefaultStorageClass
// and DefaultIngressClass. A name that is there, though empty, is a wish for no class. Pure.

import type { KubeObject } from '../../api/object.js'
import {
  defaultClass,
  isDefaultIngressClass,
  isDefaultStorageClass,
} from '../../api/kinds/default-class.js'
import { fieldAt, withField } from '../object-fields.js'

const storageAnnotation = 'volume.beta.kubernetes.io/storage-class'
const ingressAnnotation = 'kubernetes.io/ingress.class'

/** `classes`: all that there are. */
export function withStorageClass(claim: KubeObject, classes: readonly KubeObject[]): KubeObject {
  if (fieldAt(claim, 'spec.storageClassName') !== undefined) return claim
  if (claim.metadata.annotations?.[storageAnnotation] !== undefined) return claim
  const name = defaultClass(classes, isDefaultStorageClass)?.metadata.name
  return name === undefined ? claim : withField(claim, 'spec.storageClassName', name)
}

/** `classes`: all that there are. */
export function withIngressClass(ingress: KubeObject, classes: readonly KubeObject[]): KubeObject {
  if (fieldAt(ingress, 'spec.ingressClassName') !== undefined) return ingress
  if (ingress.metadata.annotations?.[ingressAnnotation] !== undefined) return ingress
  const name = defaultClass(classes, isDefaultIngressClass)?.metadata.name
  return name === undefined ? ingress : withField(ingress, 'spec.ingressClassName', name)
}
