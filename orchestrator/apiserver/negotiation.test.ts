import { describe, expect, test } from 'vitest'
import { ApiError } from '../api/status.js'
import { decodeContinue, encodeContinue } from './continue-token.js'
import { warningHeaders } from './decoding.js'
import { negotiate, objectOffer, offeredTypes, watchOffer } from './negotiation.js'
import { parseDeleteOptions, parseListOptions, parseWriteOptions } from './query-options.js'

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'

describe('what the client wants back', () => {
  test.each([
    [undefined, 'json object'],
    ['*/*', 'json object'],
    ['application/json', 'json object'],
    ['application/yaml', 'yaml object'],
    ['application/vnd.kubernetes.protobuf,application/json', 'protobuf object'],
    ['application/vnd.kubernetes.protobuf, */*', 'protobuf object'],
    ['*/*, application/yaml', 'yaml object'],
    ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io', 'nothing'],
    [
      'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
      'protobuf partial',
    ],
    [`${table},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`, 'json table'],
    ['application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', 'json partial'],
    ['application/json;as=Nonsense;v=v1;g=meta.k8s.io,application/json', 'json object'],
    ['application/yaml;q=0.5,application/json', 'json object'],
    ['application/vnd.kubernetes.protobuf', 'protobuf object'],
    ['text/html', 'nothing'],
    ['application/json;q=0', 'nothing'],
    [`${table}v2`, 'nothing'],
  ])('%s is %s', (accept, expected) => {
    const found = negotiate(accept, null)
    expect(found === null ? 'nothing' : `${found.format} ${found.shape.kind}`).toBe(expected)
  })

  test('a custom resource has no message, but its metadata has', () => {
    const offer = { ...objectOffer, wireForm: false }
    const protobuf = 'application/vnd.kubernetes.protobuf'
    expect(negotiate(protobuf, null, offer)).toBeNull()
    expect(negotiate(`${protobuf}, */*`, null, offer)?.format).toBe('json')
    const partial = `${protobuf};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io`
    expect(negotiate(partial, null, offer)?.format).toBe('protobuf')
  })

  test('a watch has no YAML', () => {
    expect(negotiate('application/yaml', null, watchOffer)).toBeNull()
    expect(offeredTypes(watchOffer)).toEqual([
      'application/json;stream=watch',
      'application/vnd.kubernetes.protobuf;stream=watch',
    ])
  })
})

const refusal = (work: () => unknown): string => {
  try {
    work()
    return 'accepted'
  } catch (error) {
    return error instanceof ApiError ? `${error.httpCode} ${error.message}` : String(error)
  }
}

describe('options in the query', () => {
  const listed = (query: string, watch = false) =>
    refusal(() => parseListOptions(new URLSearchParams(query), watch))

  test.each([
    ['', false, 'accepted'],
    ['resourceVersion=0&resourceVersionMatch=NotOlderThan', false, 'accepted'],
    ['resourceVersionMatch=Exact', false, 'forbidden unless resourceVersion is provided'],
    ['resourceVersion=0&resourceVersionMatch=Exact', false, 'is forbidden for resourceVersion "0"'],
    ['resourceVersion=5&resourceVersionMatch=Odd', false, 'Unsupported value: "Odd"'],
    ['sendInitialEvents=true', false, 'sendInitialEvents is forbidden for list'],
    ['sendInitialEvents=true', true, 'requires setting resourceVersionMatch to NotOlderThan'],
    ['resourceVersionMatch=NotOlderThan', true, 'is forbidden for watch unless'],
    ['limit=1e3', false, 'limit: strconv.ParseInt'],
    ['resourceVersion=-1', false, 'Invalid value: "-1"'],
  ])('list %s (watch %s): %s', (query, watch, expected) => {
    expect(listed(query, watch)).toContain(expected)
  })

  test('dry run and field validation take the values there are', () => {
    const write = (query: string) => parseWriteOptions(new URLSearchParams(query))
    expect(write('dryRun=All').dryRun).toBe(true)
    expect(write('').fieldValidation).toBe('Warn')
    expect(refusal(() => write('dryRun=Some'))).toContain('400')
    expect(refusal(() => write('fieldValidation=Loose'))).toContain('400')
  })

  test('a body of DeleteOptions replaces the query', () => {
    const query = new URLSearchParams('gracePeriodSeconds=9&propagationPolicy=Orphan')
    expect(parseDeleteOptions(query, null)).toMatchObject({
      gracePeriodSeconds: 9,
      propagationPolicy: 'Orphan',
    })
    const body = { gracePeriodSeconds: 3, preconditions: { uid: 'u' }, dryRun: ['All'] }
    expect(parseDeleteOptions(new URLSearchParams(), body)).toMatchObject({
      gracePeriodSeconds: 3,
      uid: 'u',
      dryRun: true,
    })
    expect(parseDeleteOptions(new URLSearchParams('gracePeriodSeconds=-1'), null)).toMatchObject({
      gracePeriodSeconds: 1,
    })
    const both = { orphanDependents: true, propagationPolicy: 'Background' }
    expect(refusal(() => parseDeleteOptions(new URLSearchParams(), both))).toContain('422')
  })
})

describe('what travels in headers and tokens', () => {
  test('a continue token comes back as it went', () => {
    const token = { revision: 7, start: 'default/a\0' }
    expect(decodeContinue(encodeContinue(token))).toEqual(token)
  })

  test.each([
    { revision: 0, start: 'a' },
    { revision: 1.5, start: 'a' },
    { revision: 1, start: '' },
    { revision: 1, start: '/x' },
    { revision: 1, start: '../nodes' },
  ])('a forged one is refused: %o', token => {
    expect(refusal(() => decodeContinue(encodeContinue(token)))).toContain('400')
  })

  test('warnings cannot break out of their header, and are only so many and so long', () => {
    const { warning = [] } = warningHeaders([
      'a "b" \\ c',
      'x\r\nset-cookie: y',
      'ü',
      'z'.repeat(9_999),
    ])
    expect(warning.slice(0, 3)).toEqual([
      '299 - "a \\"b\\" \\\\ c"',
      '299 - "x??set-cookie: y"',
      '299 - "?"',
    ])
    expect(warning[3]?.length).toBeLessThan(300)
    expect(warningHeaders(Array.from({ length: 99 }, () => 'w'))['warning']).toHaveLength(32)
  })
})
