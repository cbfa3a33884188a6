// The types of ../schema/core-config.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { LocalObjectReference, ObjectReference } from './core-reference.js'

export interface NamespaceSpec {
  readonly finalizers?: readonly string[]
}

export interface NamespaceCondition {
  readonly type: string
  readonly status: string
  readonly lastTransitionTime?: string
  readonly reason?: string
  readonly message?: string
}

export interface NamespaceStatus {
  readonly phase?: string
  readonly conditions?: readonly NamespaceCondition[]
}

export interface Namespace extends KubeObject {
  readonly spec?: NamespaceSpec
  readonly status?: NamespaceStatus
}

export interface ConfigMap extends KubeObject {
  readonly data?: { readonly [key: string]: string }
  readonly binaryData?: { readonly [key: string]: string }
  readonly immutable?: boolean
}

export interface Secret extends KubeObject {
  readonly data?: { readonly [key: string]: string }
  readonly type?: string
  readonly stringData?: { readonly [key: string]: string }
  readonly immutable?: boolean
}

export interface ServiceAccount extends KubeObject {
  readonly secrets?: readonly ObjectReference[]
  readonly imagePullSecrets?: readonly LocalObjectReference[]
  readonly automountServiceAccountToken?: boolean
}
