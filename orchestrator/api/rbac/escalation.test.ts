import { describe, expect, test } from 'vitest'
import type { PolicyRule } from '../types/rbac.js'
import { escalationProblem, fullAuthority, missingRights } from './escalation.js'
import { rule, urlRule } from './policy-builders.js'

const covered: readonly (readonly [string, PolicyRule, PolicyRule, boolean])[] = [
  ['the same', rule('get', 'core', 'pods'), rule('get', 'core', 'pods'), true],
  ['fewer verbs', rule('get list', 'core', 'pods'), rule('get', 'core', 'pods'), true],
  ['more verbs', rule('get', 'core', 'pods'), rule('get list', 'core', 'pods'), false],
  ['all verbs', rule('*', 'core', 'pods'), rule('escalate', 'core', 'pods'), true],
  ['every verb that there is', rule('get', 'core', 'pods'), rule('*', 'core', 'pods'), false],
  ['another group', rule('get', 'core', 'pods'), rule('get', 'apps', 'pods'), false],
  ['any group', rule('get', '*', 'pods'), rule('get', 'apps', 'pods'), true],
  ['a subresource', rule('get', 'core', 'pods'), rule('get', 'core', 'pods/log'), false],
  ['a subresource of any', rule('get', 'core', '*/log'), rule('get', 'core', 'pods/log'), true],
  ['a named one', rule('get', 'core', 'pods'), rule('get', 'core', 'pods', 'a'), true],
  ['all when one is held', rule('get', 'core', 'pods', 'a'), rule('get', 'core', 'pods'), false],
  ['another name', rule('get', 'core', 'pods', 'a'), rule('get', 'core', 'pods', 'b'), false],
  ['a path below', urlRule('get', '/api/*'), urlRule('get', '/api/v1'), true],
  ['a path above', urlRule('get', '/api/v1'), urlRule('get', '/api/*'), false],
  ['a path by a resource rule', rule('*', '*', '*'), urlRule('get', '/metrics'), false],
]

describe('nobody gives more than they have', () => {
  test.each(covered)('%s', (_, held, wanted, expected) => {
    expect(missingRights([held], [wanted]).length === 0).toBe(expected)
  })

  test('two rules cover together what neither does alone', () => {
    const held = [rule('get', 'core', 'pods'), rule('list', 'core', 'pods')]
    expect(missingRights(held, [rule('get list', 'core', 'pods')])).toEqual([])
  })

  test('the refusal names what is missing, verbs of one resource together', () => {
    const user = { name: 'joe', groups: ['dev', 'system:authenticated'] }
    const wanted = [
      rule('get list', 'core', 'nodes'),
      rule('get', 'apps', 'deployments', 'web'),
      urlRule('get', '/metrics'),
    ]
    expect(escalationProblem(user, [rule('get', 'core', 'pods')], wanted, '')).toBe(
      [
        'user "joe" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:',
        '{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}',
        '{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["web"], Verbs:["get"]}',
        '{NonResourceURLs:["/metrics"], Verbs:["get"]}',
      ].join('\n'),
    )
    expect(escalationProblem(user, fullAuthority, wanted, '')).toBeNull()
  })
})
