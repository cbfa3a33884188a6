// IngressClasses: who serves Ingresses. Counterpart: pkg/registry/networking/ingressclass and
// printIngressClass.

import { ingressClassDefaults } from '../../defaults/networking.js'
import type { Kind } from '../../kind.js'
import { ingressClass as schema } from '../../schema/networking-ingress.js'
import type { IngressClass } from '../../types/networking-ingress.js'
import { validateIngressClass } from '../../validation/ingress.js'
import { ageColumn, nameColumn, none, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function parametersText({ spec }: IngressClass): string {
  const parameters = spec?.parameters
  if (parameters === undefined) return none
  const { apiGroup, kind, name } = parameters
  return apiGroup === undefined ? `${kind}/${name}` : `${kind}.${apiGroup}/${name}`
}

export const ingressClass: Kind = {
  ...ordinary,
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  singular: 'ingressclass',
  namespaced: false,
  schema,
  hasGeneration: true,
  columns: [
    nameColumn,
    text<IngressClass>('Controller', 'Who serves it.', c => c.spec?.controller ?? ''),
    text<IngressClass>('Parameters', 'Where more is said of it.', parametersText),
    ageColumn,
  ],
  withDefaults: ingressClassDefaults,
  validate: (object, old) => validateIngressClass(object, old),
}
