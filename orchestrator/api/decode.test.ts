import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bodyBytesMax,
  checkShape,
  fieldWarnings,
  parseBody,
  strictError,
  typeError,
} from './decode.js'
import { findKindByName, kinds } from './kinds.js'
import type { Kind } from './kind.js'
import type { Json } from './object.js'
import { ApiError } from './status.js'
import { deleteOptionsType, evictionType } from './wire-types.js'

function kind(group: string, name: string): Kind {
  const found = findKindByName(group, 'v1', name)
  if (found === null) throw new Error(`no kind ${name}`)
  return found
}

const pod = kind('', 'Pod')
const deployment = kind('apps', 'Deployment')
const configMap = kind('', 'ConfigMap')

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function httpCode(action: () => unknown): number | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return error instanceof ApiError ? error.httpCode : undefined
  }
}

describe('bodies', () => {
  test.each([
    '',
    'application/json',
    'application/json; charset=utf-8',
    'application/merge-patch+json',
  ])('%j is read as JSON', contentType => {
    expect(parseBody(bytes('{"a":1}'), contentType).value).toEqual({ a: 1 })
  })

  test('apply patches are read as YAML', () => {
    expect(parseBody(bytes('a: yes'), 'application/apply-patch+yaml').value).toEqual({ a: true })
  })

  test('what cannot be read has its own code', () => {
    expect(httpCode(() => parseBody(bytes('{'), 'application/json'))).toBe(400)
    expect(httpCode(() => parseBody(bytes('{}'), 'text/html'))).toBe(415)
    expect(httpCode(() => parseBody(new Uint8Array(bodyBytesMax + 1), ''))).toBe(413)
    expect(httpCode(() => parseBody(Uint8Array.from([0x22, 0xff, 0x22]), ''))).toBe(400)
  })

  test('random bytes of any type never crash', () => {
    const types = fc.constantFrom('', 'application/yaml', 'application/vnd.kubernetes.protobuf')
    fc.assert(
      fc.property(fc.uint8Array(), types, (body, type) => {
        const code = httpCode(() => parseBody(body, type))
        expect(code === undefined || code === 400).toBe(true)
      }),
    )
  })
})

describe('shape', () => {
  test('what Go leaves out when it is empty is left out, and what it keeps is kept', () => {
    const { object } = checkShape(pod, {
      metadata: { name: 'a', labels: {}, finalizers: [], deletionGracePeriodSeconds: 0 },
      spec: {
        hostNetwork: false,
        nodeName: '',
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [{ name: 'c', args: [], env: [{ name: 'X', value: '' }], command: [''] }],
        terminationGracePeriodSeconds: 0,
      },
    })
    expect(object).toEqual({
      metadata: { name: 'a', deletionGracePeriodSeconds: 0 },
      spec: {
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [{ name: 'c', env: [{ name: 'X' }], command: [''] }],
        terminationGracePeriodSeconds: 0,
      },
    })
  })

  test('unknown fields are dropped and named by their paths', () => {
    const { object, unknownFields } = checkShape(pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x', colour: 'red' },
      spec: { containers: [{ name: 'c', imagee: 'x' }], foo: { bar: 1 } },
    })
    expect(unknownFields).toEqual(['metadata.colour', 'spec.containers[0].imagee', 'spec.foo'])
    expect(object).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x' },
      spec: { containers: [{ name: 'c' }] },
    })
  })

  test('nulls mean absent', () => {
    const value = {
      metadata: { name: 'x', creationTimestamp: null },
      data: { a: null },
      immutable: null,
    }
    expect(checkShape(configMap, value).object).toEqual({
      metadata: { name: 'x' },
      data: { a: '' },
    })
  })

  test('what every object of a type must have is there, if empty', () => {
    expect(checkShape(pod, {}).object).toEqual({ metadata: {}, spec: { containers: [] } })
    expect(checkShape(deployment, { spec: {} }).object).toEqual({
      metadata: {},
      spec: { template: {} },
    })
  })

  test('quantities and times become canonical', () => {
    const { object, typeErrors } = checkShape(pod, {
      metadata: { creationTimestamp: '2026-01-01T02:00:00+02:00' },
      spec: {
        containers: [{ name: 'c', resources: { limits: { cpu: 0.5, memory: '1024Mi' } } }],
      },
    })
    expect(typeErrors).toEqual([])
    expect(object).toMatchObject({
      metadata: { creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { containers: [{ resources: { limits: { cpu: '500m', memory: '1Gi' } } }] },
    })
  })

  test.each<readonly [string, Json, string]>([
    [
      'a string for a number',
      { spec: { replicas: '3' } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'a fraction for a number',
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'a list for an object',
      { spec: [] },
      'json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec',
    ],
    [
      'an object for a list, in a list',
      { spec: { template: { spec: { containers: [{ name: 'c', args: {} }] } } } },
      'json: cannot unmarshal object into Go struct field Container.spec.template.spec.containers.args of type []string',
    ],
    [
      'a number for a label',
      { metadata: { labels: { a: 1 } } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels.a of type string',
    ],
    [
      'no quantity',
      { spec: { template: { spec: { containers: [{ resources: { limits: { cpu: 'x' } } }] } } } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    ['no object at all', [], 'json: cannot unmarshal array into Go value of type v1.Deployment'],
  ])('%s is a type error', (_, value, message) => {
    const { typeErrors } = checkShape(deployment, value)
    expect(typeErrors[0]?.message).toBe(message)
    expect(typeError(deployment, typeErrors).status).toMatchObject({
      code: 400,
      reason: 'BadRequest',
      message: `Deployment in version "v1" cannot be handled as a Deployment: ${message}`,
    })
  })

  test('integers beyond what a number holds and base64 that is none are type errors', () => {
    expect(checkShape(pod, { metadata: { generation: 2 ** 60 } }).typeErrors).toHaveLength(1)
    expect(checkShape(configMap, { binaryData: { a: 'x' } }).typeErrors).toHaveLength(1)
    expect(checkShape(configMap, { binaryData: { a: 'eA==' } }).typeErrors).toHaveLength(0)
  })

  test('dangerous keys are data where data may be, and unknown elsewhere', () => {
    const value = JSON.parse('{"__proto__":{},"constructor":1,"data":{"__proto__":"x"}}') as Json
    const { object, unknownFields } = checkShape(configMap, value)
    expect(unknownFields).toEqual(['__proto__', 'constructor'])
    expect(Object.keys(object['data'] ?? {})).toEqual(['__proto__'])
  })

  test('options of requests have shapes too', () => {
    const options = { gracePeriodSeconds: 0, propagationPolicy: 'Foreground' }
    expect(checkShape(deleteOptionsType, options).object).toEqual(options)
    const eviction = { metadata: { name: 'p' }, deleteOptions: options }
    expect(checkShape(evictionType, eviction)).toMatchObject({ object: eviction, typeErrors: [] })
  })

  test('checking what has been checked changes nothing, for any kind and any value', () => {
    const value = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>
    const guided = fc.record({
      metadata: fc.dictionary(fc.constantFrom('name', 'labels', 'finalizers', 'x'), value),
      spec: fc.dictionary(fc.constantFrom('containers', 'replicas', 'ports', 'template'), value),
      status: value,
    }) as fc.Arbitrary<Json>
    const indices = fc.nat({ max: kinds.length - 1 })
    fc.assert(
      fc.property(indices, fc.oneof(value, guided), (index, input) => {
        const type = kinds[index] ?? pod
        const once = checkShape(type, input)
        if (once.typeErrors.length > 0) return
        const twice = checkShape(type, once.object)
        expect(twice.object).toEqual(once.object)
        expect(twice.unknownFields).toEqual([])
        expect(twice.typeErrors).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})

test('strict validation names every unknown and duplicate field', () => {
  const warnings = fieldWarnings(['spec.foo'], ['spec.replicas'])
  expect(warnings).toEqual(['duplicate field "spec.replicas"', 'unknown field "spec.foo"'])
  expect(strictError(deployment, warnings).message).toBe(
    'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ' +
      'duplicate field "spec.replicas", unknown field "spec.foo"',
  )
})
