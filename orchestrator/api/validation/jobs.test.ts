import { describe, expect, test } from 'vitest'
import { withGeneratedSelector } from '../defaults/job.js'
import type { Json, JsonObject, KubeObject } from '../object.js'
import { checked, errorLines, kindNamed } from '../testing/checked-object.js'

const podSpec = { containers: [{ name: 'c', image: 'x:1' }], restartPolicy: 'Never' }
const template = { spec: podSpec }
const notNegative = 'must be greater than or equal to 0'

/** As the server makes it: with a uid, and the selector that follows from it. */
function job(patch: Json = {}): KubeObject {
  const object = checked(
    'Job',
    { metadata: { name: 'x', namespace: 'default', uid: 'u' }, spec: { template } },
    patch,
  )
  return kindNamed('Job').withDefaults(withGeneratedSelector(object))
}

const jobErrors = (patch: Json, old: KubeObject | null = null) => errorLines(job(patch), old)
const spec = (fields: JsonObject): JsonObject => ({ spec: fields })
const indexed = (fields: JsonObject = {}) =>
  spec({ completionMode: 'Indexed', completions: 5, ...fields })

test('a good job has no errors, new or unchanged', () => {
  expect(jobErrors({})).toEqual([])
  expect(jobErrors({}, job())).toEqual([])
})

describe('jobs', () => {
  const failure = (...rules: JsonObject[]) =>
    spec({ podFailurePolicy: { rules: rules.map(rule => ({ action: 'Count', ...rule })) } })
  const rule = 'spec.podFailurePolicy.rules[0]'
  const success = (rules: readonly JsonObject[]) =>
    indexed({ successPolicy: { rules: [...rules] } })
  const succeeded = 'spec.successPolicy.rules[0]'

  test.each<readonly [what: string, patch: Json, ...errors: string[]]>([
    [
      'negative counts',
      spec({ parallelism: -1, backoffLimit: -2 }),
      `spec.parallelism: Invalid value: -1: ${notNegative}`,
      `spec.backoffLimit: Invalid value: -2: ${notNegative}`,
    ],
    [
      'pods that are started for ever',
      spec({ template: { spec: { restartPolicy: 'Always' } } }),
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
    [
      'no restart policy',
      spec({ template: { spec: { restartPolicy: null } } }),
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
    [
      'an unknown completion mode',
      spec({ completionMode: 'Some' }),
      'spec.completionMode: Unsupported value: "Some": supported values: "NonIndexed", "Indexed"',
    ],
    [
      'indexes without an end',
      indexed({ completions: null, parallelism: 2 }),
      'spec.completions: Required value: when completion mode is Indexed',
    ],
    [
      'too many indexes at once',
      indexed({ completions: 100_001, parallelism: 100_001 }),
      'spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed',
    ],
    [
      'limits for indexes that are not',
      spec({ backoffLimitPerIndex: 1 }),
      'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
    ],
    [
      'failed indexes without a limit for each',
      indexed({ maxFailedIndexes: 1 }),
      'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
    ],
    [
      'more failed indexes than there are',
      indexed({ maxFailedIndexes: 6, backoffLimitPerIndex: 1 }),
      'spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions',
    ],
    [
      'very many indexes with limits',
      indexed({ completions: 100_001, parallelism: 10_001, backoffLimitPerIndex: 1 }),
      'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000',
      'spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
    ],
    [
      'a name that is too long for a host',
      { metadata: { name: 'a'.repeat(62) }, ...indexed() },
      `metadata.name: Invalid value: "${'a'.repeat(62)}": will not able to create pod with invalid DNS label: ${'a'.repeat(62)}-4`,
    ],
    [
      'a manager without a domain',
      spec({ managedBy: 'me' }),
      'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      'an unknown replacement',
      spec({ podReplacementPolicy: 'Now' }),
      'spec.podReplacementPolicy: Unsupported value: "Now": supported values: "Failed", "TerminatingOrFailed"',
    ],
    [
      'a replacement before failure is known',
      {
        spec: {
          podReplacementPolicy: 'TerminatingOrFailed',
          ...(failure({ onExitCodes: { operator: 'In', values: [1] } })['spec'] as JsonObject),
        },
      },
      'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
    ],
    [
      'a policy about nothing',
      failure({}),
      `${rule}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`,
    ],
    [
      'a policy about both',
      failure({ onExitCodes: { operator: 'In', values: [1] }, onPodConditions: [{ type: 'A' }] }),
      `${rule}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported`,
    ],
    [
      'no action',
      failure({ action: '', onPodConditions: [{ type: 'A' }] }),
      `${rule}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]`,
    ],
    [
      'an unknown action',
      failure({ action: 'Cry', onPodConditions: [{ type: 'A' }] }),
      `${rule}.action: Unsupported value: "Cry": supported values: "Count", "FailIndex", "FailJob", "Ignore"`,
    ],
    [
      'failing an index without limits',
      failure({ action: 'FailIndex', onPodConditions: [{ type: 'A' }] }),
      `${rule}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set`,
    ],
    [
      'exit codes out of order, twice, or none',
      failure({ onExitCodes: { operator: 'In', values: [3, 0, 3] } }),
      `${rule}.onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator`,
      `${rule}.onExitCodes.values[2]: Duplicate value: 3`,
      `${rule}.onExitCodes.values: Invalid value: [3,0,3]: must be ordered`,
    ],
    [
      'no exit code',
      failure({ onExitCodes: { operator: 'NotIn', values: [] } }),
      `${rule}.onExitCodes.values: Invalid value: []: at least one value is required`,
    ],
    [
      'a container that is not there',
      failure({ onExitCodes: { operator: 'NotIn', values: [1], containerName: 'd' } }),
      `${rule}.onExitCodes.containerName: Invalid value: "d": must be one of the container or initContainer names in the pod template`,
    ],
    [
      'a condition of no status',
      failure({ onPodConditions: [{ type: 'A', status: 'Maybe' }] }),
      `${rule}.onPodConditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"`,
    ],
    [
      'too many rules',
      failure(...Array.from({ length: 21 }, () => ({ onPodConditions: [{ type: 'A' }] }))),
      'spec.podFailurePolicy.rules: Too many: 21: must have at most 20 items',
    ],
    [
      'a policy and pods that try again',
      {
        spec: {
          ...(failure({ onPodConditions: [{ type: 'A' }] })['spec'] as JsonObject),
          template: { spec: { restartPolicy: 'OnFailure' } },
        },
      },
      'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
    ],
    [
      'success of indexes that are not',
      spec({ successPolicy: { rules: [{ succeededCount: 1 }] } }),
      'spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: requires indexed completion mode',
    ],
    [
      'no success',
      success([]),
      'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
    ],
    [
      'an empty success',
      success([{}]),
      `${succeeded}: Required value: at least one of succeededCount or succeededIndexes must be specified`,
    ],
    [
      'more successes than completions',
      success([{ succeededCount: 6 }]),
      `${succeeded}.succeededCount: Invalid value: 6: must be less than or equal to 5 (the number of specified completions)`,
    ],
    [
      'more successes than indexes',
      success([{ succeededCount: 3, succeededIndexes: '0-1' }]),
      `${succeeded}.succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)`,
    ],
    [
      'an index that there is not',
      success([{ succeededIndexes: '5' }]),
      `${succeeded}.succeededIndexes: Invalid value: "5": error parsing succeededIndexes: too large index: "5"`,
    ],
  ])('%s', (_, patch, ...errors) => {
    expect(jobErrors(patch)).toEqual(errors)
  })
})

describe('the selector of a job', () => {
  test('is refused where the labels say something else', () => {
    const labels = { 'controller-uid': 'mine', 'job-name': 'y' }
    const all = JSON.stringify({
      'job-name': 'y',
      'batch.kubernetes.io/job-name': 'x',
      'controller-uid': 'mine',
      'batch.kubernetes.io/controller-uid': 'u',
    })
    expect(jobErrors(spec({ template: { metadata: { labels } } }))).toEqual([
      `spec.template.metadata.labels[controller-uid]: Invalid value: ${all}: must be 'u'`,
      `spec.template.metadata.labels[job-name]: Invalid value: ${all}: must be 'x'`,
    ])
  })

  test('is the user’s own only when asked for', () => {
    const own = {
      selector: { matchLabels: { app: 'x' } },
      template: { metadata: { labels: { app: 'x' } } },
    }
    expect(jobErrors(spec({ manualSelector: true, ...own }))).toEqual([])
    expect(jobErrors(spec(own))).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"u","app":"x"}}: `selector` not auto-generated',
    ])
    expect(jobErrors(spec({ manualSelector: true }))).toEqual(['spec.selector: Required value'])
  })
})

describe('updates of jobs', () => {
  const immutable = (field: string) =>
    expect.stringMatching(new RegExp(`^${field}: Invalid value: .*: field is immutable$`))

  test.each<readonly [string, JsonObject]>([
    ['spec.completions', { completions: 2 }],
    ['spec.template', { template: { metadata: { annotations: { a: 'b' } } } }],
    ['spec.template', { template: { spec: { nodeSelector: { a: 'b' } } } }],
    ['spec.managedBy', { managedBy: 'a.b/c' }],
  ])('do not change %s: %j', (field, fields) => {
    expect(jobErrors(spec(fields), job())).toEqual([immutable(field)])
  })

  test.each<JsonObject>([
    { parallelism: 3, completions: 1 },
    { suspend: true },
    { backoffLimit: 1 },
    { activeDeadlineSeconds: 5 },
    { ttlSecondsAfterFinished: 5 },
  ])('may change %j', fields => {
    expect(jobErrors(spec(fields), job())).toEqual([])
  })

  test('of an indexed one may change completions together with parallelism', () => {
    const old = job(indexed({ parallelism: 5 }))
    expect(jobErrors(indexed({ completions: 7, parallelism: 7 }), old)).toEqual([])
    expect(jobErrors(indexed({ completions: 7, parallelism: 5 }), old)).toEqual([
      'spec.completions: Invalid value: 7: can only be modified in tandem with spec.parallelism',
    ])
  })

  test('of one that was suspended before it started may say where its pods go', () => {
    const placed = {
      suspend: false,
      template: {
        metadata: { annotations: { a: 'b' }, labels: { queue: 'c' } },
        spec: {
          nodeSelector: { a: 'b' },
          tolerations: [{ key: 'a', operator: 'Exists' }],
          schedulingGates: [{ name: 'a.b/c' }],
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
              },
            },
          },
        },
      },
    }
    const suspended = job(spec({ suspend: true }))
    expect(jobErrors(spec(placed), suspended)).toEqual([])
    // And back again: node affinity may also be taken away.
    expect(jobErrors(spec({ suspend: true }), job(spec({ ...placed, suspend: true })))).toEqual([])
    const image = { template: { spec: { containers: [{ name: 'c', image: 'y:2' }] } } }
    expect(jobErrors(spec(image), suspended)).toEqual([immutable('spec.template')])
    const started = { ...suspended, status: { startTime: '2026-01-01T00:00:00Z' } }
    const later: JsonObject = { ...spec(placed), status: { startTime: '2026-01-01T00:00:00Z' } }
    expect(jobErrors(later, started)).toEqual([immutable('spec.template')])
  })
})

describe('the status of a job', () => {
  const start = '2026-01-01T00:00:00Z'
  const end = '2026-01-01T00:05:00Z'
  const condition = (...types: string[]) => types.map(type => ({ type, status: 'True' }))
  const done = {
    startTime: start,
    completionTime: end,
    conditions: condition('Complete'),
    succeeded: 1,
  }

  const statusErrors = (status: JsonObject, before: JsonObject = {}, more: JsonObject = {}) =>
    jobErrors({ ...more, status }, job({ ...more, status: before }))

  test('may end a job, and stay', () => {
    expect(statusErrors(done, { startTime: start, active: 1 })).toEqual([])
    expect(statusErrors(done, done)).toEqual([])
  })

  test('may let time begin anew where a job is resumed', () => {
    const suspended = { startTime: start, conditions: condition('Suspended') }
    const resumed = { startTime: end, conditions: [{ type: 'Suspended', status: 'False' }] }
    expect(statusErrors(resumed, suspended)).toEqual([])
    expect(statusErrors({ conditions: resumed.conditions }, suspended)).toHaveLength(1)
  })

  test.each<readonly [status: JsonObject, before: JsonObject, ...errors: string[]]>([
    [{ active: -1 }, {}, `status.active: Invalid value: -1: ${notNegative}`],
    [
      { ...done, active: 1 },
      {},
      'status.active: Invalid value: 1: active>0 is invalid for finished job',
    ],
    [
      { conditions: condition('Failed') },
      {},
      'status.startTime: Required value: startTime is required for finished job',
    ],
    [
      { startTime: start, conditions: condition('Complete') },
      {},
      'status.completionTime: Required value: completionTime is required for Complete jobs',
    ],
    [
      { startTime: start, completionTime: end },
      {},
      `status.completionTime: Invalid value: "${end}": cannot set completionTime when there is no Complete=True condition`,
    ],
    [
      { ...done, startTime: end, completionTime: start },
      {},
      `status.completionTime: Invalid value: "${start}": completionTime cannot be set before startTime`,
    ],
    [
      { ...done, conditions: condition('Complete', 'Failed') },
      {},
      'status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions',
    ],
    [
      { ...done, conditions: condition('Complete', 'FailureTarget') },
      {},
      'status.conditions: Invalid value: cannot set Complete=True and FailureTarget=true conditions',
    ],
    [
      { startTime: start, conditions: condition('Failed', 'SuccessCriteriaMet') },
      {},
      'status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and Failed=true conditions',
    ],
    [
      { ...done, uncountedTerminatedPods: { failed: ['a'] } },
      {},
      'status.uncountedTerminatedPods: Invalid value: {"failed":["a"]}: uncountedTerminatedPods needs to be empty for finished job',
    ],
    [
      { uncountedTerminatedPods: { succeeded: ['a'], failed: ['a', ''] } },
      {},
      'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
      'status.uncountedTerminatedPods.failed[1]: Invalid value: "": must not be empty',
    ],
    [
      { startTime: start, succeeded: 1 },
      done,
      'status.conditions: Invalid value: cannot disable the terminal Complete=True condition',
    ],
    [
      { ...done, completionTime: '2026-01-01T00:06:00Z' },
      done,
      'status.completionTime: Invalid value: "2026-01-01T00:06:00Z": completionTime cannot be mutated',
    ],
    [
      { failed: 1 },
      { failed: 2 },
      'status.failed: Invalid value: 1: cannot decrease the failed counter',
    ],
    [
      {},
      { startTime: start },
      'status.startTime: Invalid value: null: field is immutable for unsuspended job once set',
    ],
    [
      { startTime: end },
      { startTime: start },
      `status.startTime: Invalid value: "${end}": field is immutable for unsuspended job once set`,
    ],
    [
      { completedIndexes: '0' },
      {},
      'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
    ],
    [
      { failedIndexes: '0' },
      {},
      'status.failedIndexes: Invalid value: "0": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
    ],
  ])('%j after %j is refused', (status, before, ...errors) => {
    expect(statusErrors(status as JsonObject, before as JsonObject)).toEqual(errors)
  })

  test('an index cannot have failed and succeeded', () => {
    const limited = indexed({ backoffLimitPerIndex: 1 })
    const status = { completedIndexes: '0,2-3', failedIndexes: '3' }
    expect(statusErrors(status, {}, limited)).toEqual([
      'status.failedIndexes: Invalid value: "3": failedIndexes and completedIndexes overlap at index: 3',
    ])
    expect(statusErrors({ ...status, failedIndexes: '1,4' }, {}, limited)).toEqual([])
    expect(statusErrors({ completedIndexes: '3-9' }, {}, limited)).toEqual([
      'status.completedIndexes: Invalid value: "3-9": error parsing completedIndexes: too large index: "9"',
    ])
  })
})

describe('cron jobs', () => {
  const cronJob = (patch: Json = {}) =>
    checked(
      'CronJob',
      { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template } } } },
      patch,
    )
  const cronErrors = (patch: Json, old: KubeObject | null = null) => errorLines(cronJob(patch), old)

  test.each<readonly [what: string, patch: Json, ...errors: string[]]>([
    ['nothing wrong', {}],
    ['a zone by its name', spec({ timeZone: 'Europe/Berlin' })],
    ['a zone by an old name', spec({ timeZone: 'US/Pacific' })],
    ['a zone of a fixed offset', spec({ timeZone: 'Etc/GMT+5' })],
    ['no schedule', spec({ schedule: '' }), 'spec.schedule: Required value'],
    [
      'a schedule that is none',
      spec({ schedule: 'often' }),
      'spec.schedule: Invalid value: "often": expected exactly 5 fields, found 1: [often]',
    ],
    [
      'a zone in the schedule',
      spec({ schedule: 'TZ=UTC 0 0 * * *' }),
      'spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
    [
      'an empty zone',
      spec({ timeZone: '' }),
      'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string',
    ],
    [
      'a zone that there is not',
      spec({ timeZone: 'Mars/Phobos' }),
      'spec.timeZone: Invalid value: "Mars/Phobos": unknown time zone Mars/Phobos',
    ],
    [
      'a zone of the wrong case',
      spec({ timeZone: 'europe/berlin' }),
      'spec.timeZone: Invalid value: "europe/berlin": unknown time zone europe/berlin',
    ],
    [
      'a way out of the zones',
      spec({ timeZone: '../etc' }),
      'spec.timeZone: Invalid value: "../etc": unknown time zone ../etc',
    ],
    [
      'an offset',
      spec({ timeZone: '+01' }),
      'spec.timeZone: Invalid value: "+01": unknown time zone +01',
    ],
    [
      'the zone of the server',
      spec({ timeZone: 'Local' }),
      'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    ],
    [
      'an unknown concurrency',
      spec({ concurrencyPolicy: 'Wait' }),
      'spec.concurrencyPolicy: Unsupported value: "Wait": supported values: "Allow", "Forbid", "Replace"',
    ],
    [
      'negative limits',
      spec({ startingDeadlineSeconds: -1, successfulJobsHistoryLimit: -1 }),
      `spec.startingDeadlineSeconds: Invalid value: -1: ${notNegative}`,
      `spec.successfulJobsHistoryLimit: Invalid value: -1: ${notNegative}`,
    ],
    [
      'a name of 53',
      { metadata: { name: 'a'.repeat(53) } },
      `metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`,
    ],
    ['a name of 52', { metadata: { name: 'a'.repeat(52) } }],
    [
      'a selector',
      spec({
        jobTemplate: { spec: { selector: { matchLabels: { a: 'b' } }, manualSelector: true } },
      }),
      'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
      'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
    ],
    [
      'a bad job',
      spec({
        jobTemplate: {
          spec: { backoffLimit: -1, template: { spec: { restartPolicy: 'Always' } } },
        },
      }),
      `spec.jobTemplate.spec.backoffLimit: Invalid value: -1: ${notNegative}`,
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
  ])('%s', (_, patch, ...errors) => {
    expect(cronErrors(patch)).toEqual(errors)
  })

  test('what was allowed once stays so', () => {
    const long = { metadata: { name: 'a'.repeat(60) } }
    expect(cronErrors(long, cronJob(long))).toEqual([])
    const zoned = spec({ schedule: 'CRON_TZ=UTC 0 0 * * *' })
    expect(cronErrors(zoned, cronJob(zoned))).toEqual([])
    expect(
      cronErrors(spec({ schedule: 'TZ=UTC 0 0 * * *', timeZone: 'UTC' }), cronJob(zoned)),
    ).toEqual([
      'spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
    ])
    const lost = spec({ timeZone: 'Mars/Phobos' })
    expect(cronErrors(lost, cronJob(lost))).toEqual([])
  })
})
