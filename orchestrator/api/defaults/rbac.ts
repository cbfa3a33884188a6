// The API groups that bindings may leave out. Counterpart: pkg/apis/rbac/v1/defaults.go.

import { rbacGroup } from '../rbac/attributes.js'
import type { RoleBinding } from '../types/rbac.js'

export function bindingDefaults(binding: RoleBinding): RoleBinding {
  const { roleRef, subjects } = binding
  return {
    ...binding,
    // A binding without a role gets this far too: validation says what is wrong with it.
    ...(roleRef === undefined || (roleRef.apiGroup ?? '') !== ''
      ? {}
      : { roleRef: { ...roleRef, apiGroup: rbacGroup } }),
    ...(subjects === undefined
      ? {}
      : {
          subjects: subjects.map(subject =>
            (subject.kind === 'User' || subject.kind === 'Group') && (subject.apiGroup ?? '') === ''
              ? { ...subject, apiGroup: rbacGroup }
              : subject,
          ),
        }),
  }
}
