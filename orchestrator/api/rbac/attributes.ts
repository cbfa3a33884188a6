// What an authorizer is asked: who wants to do what to what. Counterpart: authorizer.Attributes of
// k8s.io/apiserver. The API version and selectors
// of fields are not looked at by any rule of ours.

export interface Subject {
  readonly name: string
  readonly groups: readonly string[]
}

export interface ResourceAttributes {
  readonly kind: 'resource'
  /** Any word: verbs beyond those of HTTP ("bind", "impersonate") are asked after too. */
  readonly verb: string
  /** '' is the core group. */
  readonly group: string
  readonly resource: string
  /** '' for none. */
  readonly subresource: string
  /** '' for the whole cluster. */
  readonly namespace: string
  /** '' where no single object is meant. */
  readonly name: string
  /** Of a list or a watch, as it was sent. Only what is for nodes is narrowed by it. */
  readonly labelSelector?: string
}

export interface PathAttributes {
  readonly kind: 'non-resource'
  /** The HTTP method in lower case. */
  readonly verb: string
  readonly path: string
}

export type Attributes = ResourceAttributes | PathAttributes

export const rbacGroup = 'rbac.authorization.k8s.io'

/** Members may do everything, and no role can take that from them. */
export const mastersGroup = 'system:masters'

/** The user name of a service account. */
export function serviceAccountUser(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`
}
