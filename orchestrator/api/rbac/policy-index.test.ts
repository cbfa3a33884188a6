import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PolicyRule, Role, RoleBinding, Subject } from '../types/rbac.js'
import type { Attributes, Subject as User } from './attributes.js'
import { PolicyIndex } from './policy-index.js'

// Few names, so that rules and questions meet often.
const verbs = fc.constantFrom('get', 'list', 'create', '*')
const groups = fc.constantFrom('', 'apps', '*')
const resources = fc.constantFrom('pods', 'pods/log', '*/log', 'secrets', '*')
const names = fc.constantFrom('x', 'y')
const urls = fc.constantFrom('/metrics', '/api/*', '*', '/api')
const namespaces = fc.constantFrom('a', 'b')
const roleNames = fc.constantFrom('r1', 'r2', 'r3')

const some = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 1, maxLength: 2 })

const rules: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record({
    verbs: some(verbs),
    apiGroups: some(groups),
    resources: some(resources),
    resourceNames: fc.array(names, { maxLength: 1 }),
  }),
  fc.record({ verbs: some(verbs), nonResourceURLs: some(urls) }),
)

const subjects: fc.Arbitrary<Subject> = fc.oneof(
  fc.record({ kind: fc.constant('User'), name: fc.constantFrom('ann', 'bob') }),
  fc.record({ kind: fc.constant('Group'), name: fc.constantFrom('dev', 'ops') }),
  fc.record({
    kind: fc.constant('ServiceAccount'),
    name: fc.constant('robot'),
    namespace: fc.constantFrom('a', 'b', ''),
  }),
)

const bindings: fc.Arbitrary<RoleBinding> = fc
  .record({
    name: fc.constantFrom('b1', 'b2', 'b3', 'b4'),
    namespace: fc.option(namespaces, { nil: undefined }),
    subjects: fc.array(subjects, { maxLength: 3 }),
    kind: fc.constantFrom('Role', 'ClusterRole'),
    role: roleNames,
  })
  .map(({ name, namespace, kind, role, ...rest }) => ({
    apiVersion: 'v1',
    kind: 'RoleBinding',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    subjects: rest.subjects,
    roleRef: { kind: namespace === undefined ? 'ClusterRole' : kind, name: role },
  }))

type Step =
  | { readonly kind: 'put'; readonly binding: RoleBinding }
  | { readonly kind: 'delete'; readonly binding: RoleBinding }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('put', 'put', 'put', 'delete'),
    binding: bindings,
  }),
  { minLength: 4, maxLength: 16 },
)

const users: fc.Arbitrary<User> = fc.record({
  name: fc.constantFrom(
    'ann',
    'bob',
    'system:serviceaccount:a:robot',
    'system:serviceaccount:b:robot',
  ),
  groups: fc.uniqueArray(fc.constantFrom('dev', 'ops', 'none')),
})

const questions: fc.Arbitrary<Attributes> = fc.oneof(
  fc.record({
    kind: fc.constant('resource' as const),
    verb: fc.constantFrom('get', 'list', 'create', 'delete'),
    group: fc.constantFrom('', 'apps', 'batch'),
    resource: fc.constantFrom('pods', 'secrets', 'nodes'),
    subresource: fc.constantFrom('', 'log'),
    namespace: fc.constantFrom('', 'a', 'b'),
    name: fc.constantFrom('', 'x', 'z'),
  }),
  fc.record({
    kind: fc.constant('non-resource' as const),
    verb: fc.constantFrom('get', 'post'),
    path: fc.constantFrom('/metrics', '/api', '/api/v1', '/'),
  }),
)

/** The documentation read aloud: no tables, every binding looked at. */
function mayDumb(
  all: readonly RoleBinding[],
  roles: readonly {
    readonly namespace: string
    readonly name: string
    readonly rules: readonly PolicyRule[]
  }[],
  user: User,
  asked: Attributes,
): boolean {
  const place = asked.kind === 'resource' ? asked.namespace : ''
  for (const binding of all) {
    const home = binding.metadata.namespace ?? ''
    if (home !== '' && home !== place) continue
    const meant = (binding.subjects ?? []).some(subject => {
      if (subject.kind === 'User') return subject.name === user.name
      if (subject.kind === 'Group') return user.groups.includes(subject.name)
      const space = subject.namespace === '' ? home : (subject.namespace ?? home)
      return user.name === `system:serviceaccount:${space}:${subject.name}` && space !== ''
    })
    if (!meant) continue
    const scope = binding.roleRef.kind === 'Role' ? home : ''
    const role = roles.find(r => r.namespace === scope && r.name === binding.roleRef.name)
    for (const rule of role?.rules ?? []) {
      if (!(rule.verbs.includes('*') || rule.verbs.includes(asked.verb))) continue
      if (asked.kind === 'non-resource') {
        const fits = (rule.nonResourceURLs ?? []).some(url =>
          url.endsWith('*') ? asked.path.startsWith(url.slice(0, -1)) : url === asked.path,
        )
        if (fits) return true
        continue
      }
      const full =
        asked.subresource === '' ? asked.resource : `${asked.resource}/${asked.subresource}`
      const groupFits = ['*', asked.group].some(g => rule.apiGroups?.includes(g))
      const wanted = ['*', full, ...(asked.subresource === '' ? [] : [`*/${asked.subresource}`])]
      const resourceFits = wanted.some(r => rule.resources?.includes(r))
      const only = rule.resourceNames ?? []
      if (groupFits && resourceFits && (only.length === 0 || only.includes(asked.name))) return true
    }
  }
  return false
}

test('the index says what going through every binding says, whatever was put and deleted before', () => {
  const roles = fc.uniqueArray(
    fc.record({
      namespace: fc.constantFrom('', 'a', 'b'),
      name: roleNames,
      rules: fc.array(rules, { minLength: 1, maxLength: 4 }),
    }),
    { selector: ({ namespace, name }) => `${namespace}/${name}`, minLength: 6, maxLength: 9 },
  )
  let yes = 0
  fc.assert(
    fc.property(
      roles,
      steps,
      fc.array(fc.tuple(users, questions), { minLength: 12, maxLength: 12 }),
      (known, history, asked) => {
        const find = (namespace: string, name: string) => {
          const role = known.find(r => r.namespace === namespace && r.name === name)
          return role && ({ apiVersion: '', kind: '', metadata: {}, rules: role.rules } as Role)
        }
        const index = new PolicyIndex({
          role: find,
          clusterRole: name => find('', name),
        })
        const live = new Map<string, RoleBinding>()
        for (const { kind, binding } of history) {
          const key = `${binding.metadata.namespace ?? ''}/${binding.metadata.name}`
          if (kind === 'put') {
            live.set(key, binding)
            index.put(key, binding)
          } else {
            live.delete(key)
            index.delete(key)
          }
        }
        for (const [user, question] of asked) {
          const wanted = mayDumb([...live.values()], known, user, question)
          if (wanted) yes++
          expect(index.verdict(user, question).allowed).toBe(wanted)
        }
      },
    ),
    { numRuns: 600 },
  )
  // A property that only ever sees refusals shows nothing.
  expect(yes).toBeGreaterThan(100)
})
