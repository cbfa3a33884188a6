// Which class stands for those who name none. Counterpart: pkg/apis/storage/util and the plugins
// DefaultStorageClass and DefaultIngressClass.

import type { KubeObject } from '../object.js'

const storageAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
] as const
const ingressAnnotation = 'ingressclass.kubernetes.io/is-default-class'

export function isDefaultStorageClass({ metadata }: KubeObject): boolean {
  return storageAnnotations.some(key => metadata.annotations?.[key] === 'true')
}

export function isDefaultIngressClass({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[ingressAnnotation] === 'true'
}

/** Of several the newest, of those the first by name; null when there is none. */
export function defaultClass(
  classes: readonly KubeObject[],
  isDefault: (candidate: KubeObject) => boolean,
): KubeObject | null {
  return classes.filter(isDefault).reduce<KubeObject | null>((best, candidate) => {
    return best === null || goesBefore(candidate, best) ? candidate : best
  }, null)
}

function goesBefore(a: KubeObject, b: KubeObject): boolean {
  const born = ({ metadata }: KubeObject) => metadata.creationTimestamp ?? ''
  if (born(a) !== born(b)) return born(a) > born(b)
  return (a.metadata.name ?? '') < (b.metadata.name ?? '')
}
