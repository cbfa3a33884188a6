import { describe, expect, test } from 'vitest'
import {
  mandatoryLevels,
  mandatorySchemas,
  suggestedLevels,
  suggestedSchemas,
} from '../flowcontrol/bootstrap-objects.js'
import { bootstrapped, bootstrapSteps } from '../flowcontrol/bootstrap-plan.js'
import { mergePatch } from '../merge/merge-patch.js'
import type { Json, JsonObject, KubeObject } from '../object.js'
import { checked, errorLines } from '../testing/checked-object.js'

const good: Readonly<Record<string, JsonObject>> = {
  FlowSchema: {
    spec: {
      priorityLevelConfiguration: { name: 'level' },
      rules: [
        {
          subjects: [{ kind: 'User', user: { name: 'joe' } }],
          resourceRules: [
            { verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['default'] },
          ],
        },
      ],
    },
  },
  PriorityLevelConfiguration: {
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } },
  },
}

const made = (kind: string, patch: Json = {}) => checked(kind, good[kind] ?? {}, patch)
const rule = (its: JsonObject): Json => ({
  spec: { rules: [{ subjects: [{ kind: 'Group', group: { name: 'g' } }], ...its }] },
})
const subject = (its: JsonObject): Json => ({
  spec: {
    rules: [{ subjects: [its], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }],
  },
})
const limited = (its: JsonObject): Json => ({ spec: { limited: its } })

describe('flow control', () => {
  test.each(Object.keys(good))('a good %s has no errors and its defaults', kind => {
    expect(errorLines(made(kind))).toEqual([])
    expect(made(kind)).toMatchObject(
      kind === 'FlowSchema'
        ? { spec: { matchingPrecedence: 1000 } }
        : {
            spec: {
              limited: {
                nominalConcurrencyShares: 30,
                lendablePercent: 0,
                limitResponse: { queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
              },
            },
          },
    )
  })

  test.each([...mandatoryLevels, ...suggestedLevels, ...mandatorySchemas, ...suggestedSchemas])(
    'what every cluster begins with is good: $kind $metadata.name',
    object => {
      expect(errorLines(object)).toEqual([])
    },
  )

  test.each<readonly [string, string, Json, readonly string[]]>([
    [
      'FlowSchema',
      'goes before the exempt one',
      { spec: { matchingPrecedence: 1 } },
      [
        "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
      ],
    ],
    [
      'FlowSchema',
      'goes last of all',
      { spec: { matchingPrecedence: 10_001 } },
      ['spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000'],
    ],
    [
      'FlowSchema',
      'has no level',
      { spec: { priorityLevelConfiguration: { name: '' } } },
      ['spec.priorityLevelConfiguration.name: Required value: must reference a priority level'],
    ],
    [
      'FlowSchema',
      'tells flows apart by what is not known',
      { spec: { distinguisherMethod: { type: 'ByMoon' } } },
      [
        'spec.distinguisherMethod.type: Unsupported value: "ByMoon": supported values: "ByNamespace", "ByUser"',
      ],
    ],
    [
      'FlowSchema',
      'is about nobody',
      { spec: { rules: [{ subjects: [] }] } },
      [
        'spec.rules[0].subjects: Required value: subjects must contain at least one value',
        'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
      ],
    ],
    [
      'FlowSchema',
      'takes a user for a group',
      subject({ kind: 'Group', user: { name: 'x' } }),
      [
        "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'",
        "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
      ],
    ],
    [
      'FlowSchema',
      'names half an account',
      subject({ kind: 'ServiceAccount', serviceAccount: { namespace: '', name: '*' } }),
      [
        'spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account',
      ],
    ],
    [
      'FlowSchema',
      'says all and more',
      rule({
        resourceRules: [
          { verbs: ['*', 'get'], apiGroups: [], resources: ['*', 'pods'], namespaces: ['*', 'a'] },
        ],
      }),
      [
        `spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs`,
        'spec.rules[0].resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group',
        `spec.rules[0].resourceRules[0].resources: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources`,
        `spec.rules[0].resourceRules[0].namespaces: Invalid value: ["*","a"]: if '*' is present, must not specify other namespaces`,
      ],
    ],
    [
      'FlowSchema',
      'is for no place',
      rule({ resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }),
      [
        'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
      ],
    ],
    [
      'FlowSchema',
      'has odd paths',
      rule({
        nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['x', '/a//b', '/a*/b', '/a/*'] }],
      }),
      [
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "x": must start with slash',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a//b": must not contain double slash',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/a*/b": wildcard can only do suffix matching',
      ],
    ],
    [
      'PriorityLevelConfiguration',
      'is exempt',
      { spec: { type: 'Exempt' } },
      [
        `spec.type: Invalid value: "Exempt": type must be 'Exempt' if and only if name is 'exempt'`,
        'spec.limited: Forbidden: must be nil if the type is not Limited',
      ],
    ],
    [
      'PriorityLevelConfiguration',
      'lends more than it has',
      limited({ lendablePercent: 101, borrowingLimitPercent: -1, nominalConcurrencyShares: -1 }),
      [
        'spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
        'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
        'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
      ],
    ],
    [
      'PriorityLevelConfiguration',
      'refuses, and has queues',
      limited({ limitResponse: { type: 'Reject' } }),
      [
        'spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited',
      ],
    ],
    [
      'PriorityLevelConfiguration',
      'deals more cards than there are',
      limited({ limitResponse: { queuing: { queues: 4, handSize: 5 } } }),
      [
        'spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)',
      ],
    ],
    [
      'PriorityLevelConfiguration',
      'deals more hands than can be told apart',
      limited({ limitResponse: { queuing: { queues: 512, handSize: 8 } } }),
      [
        'spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60',
      ],
    ],
  ])('a %s that %s', (kind, _, patch, expected) => {
    expect(errorLines(made(kind, patch))).toEqual(expected)
  })
})

describe('what every cluster begins with', () => {
  const bootstrap = { mandatory: mandatoryLevels, suggested: suggestedLevels }
  const stored = [...mandatoryLevels, ...suggestedLevels]
  const changed = (name: string, patch: Json): readonly KubeObject[] =>
    stored.map(object =>
      object.metadata.name === name
        ? (mergePatch(object as unknown as JsonObject, patch) as unknown as KubeObject)
        : object,
    )
  const shares = { spec: { limited: { nominalConcurrencyShares: 77 } } }
  const marked = (mark: string | null, generation: number): Json => ({
    metadata: { generation, annotations: { 'apf.kubernetes.io/autoupdate-spec': mark } },
  })

  test('is made where it is missing, and then nothing is done', () => {
    expect(bootstrapSteps([], bootstrap).map(({ kind }) => kind)).toEqual(
      stored.map(() => 'create'),
    )
    expect(bootstrapSteps(stored, bootstrap)).toEqual([])
  })

  test.each<readonly [string, string, Json, boolean]>([
    [
      'what must be is put right',
      'catch-all',
      { ...shares, ...(marked('false', 9) as object) },
      true,
    ],
    ['the exempt level may lend', 'exempt', { spec: { exempt: { lendablePercent: 9 } } }, false],
    ['what follows the release is put right', 'system', shares, true],
    [
      'what somebody has claimed is left alone',
      'system',
      { ...shares, ...(marked('false', 2) as object) },
      false,
    ],
  ])('%s', (_, name, patch, expected) => {
    const steps = bootstrapSteps(changed(name, patch), bootstrap)
    expect(steps).toEqual(expected ? [{ kind: 'update', name }] : [])
  })

  test('without a mark it is ours until somebody has changed it', () => {
    const [system] = suggestedLevels
    const unmarked = (generation: number) => {
      const patch = { ...shares, ...(marked(null, generation) as object) }
      const current = changed('system', patch).find(one => one.metadata.name === 'system')
      return bootstrapped(current as KubeObject, system as KubeObject, false)
    }
    expect(unmarked(1)).toMatchObject({
      spec: { limited: { nominalConcurrencyShares: 30 } },
      metadata: { generation: 2, annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } },
    })
    expect(unmarked(2)).toMatchObject({
      spec: shares.spec,
      metadata: { generation: 2, annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } },
    })
  })

  test('what an earlier release had goes, what users have stays', () => {
    const [system] = suggestedLevels
    const other = (mark: string | null) => {
      const patch = {
        metadata: { name: 'old', annotations: { 'apf.kubernetes.io/autoupdate-spec': mark } },
      }
      return mergePatch(system as unknown as JsonObject, patch) as unknown as KubeObject
    }
    const steps = (mark: string | null) => bootstrapSteps([...stored, other(mark)], bootstrap)
    expect(steps('true')).toEqual([{ kind: 'remove', name: 'old' }])
    expect(steps(null)).toEqual([])
  })
})
