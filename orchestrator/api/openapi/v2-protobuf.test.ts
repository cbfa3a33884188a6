import { expect, test } from 'vitest'
import { kinds } from '../kinds.js'
import { openApiGroupVersions, openApiV3 } from '../openapi.js'
import { WireReader } from '../protobuf/wire-reader.js'
import { openApiV2 } from './v2-document.js'
import { encodeOpenApiV2 } from './v2-protobuf.js'

const documents = openApiGroupVersions(kinds).map(({ group, version }) =>
  openApiV3(group, version, kinds),
)
const document = openApiV2(documents, 'v1.2.3')
const deployment = '/apis/apps/v1/namespaces/{namespace}/deployments/{name}'

const part = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)[step], value)

test('references of v2 lead to what the document has', () => {
  const text = JSON.stringify(document)
  const references = [...text.matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)].map(
    ([, name]) => name,
  )
  const definitions = document['definitions'] as object
  expect(references.length).toBeGreaterThan(500)
  expect(references.filter(name => !Object.hasOwn(definitions, name ?? ''))).toEqual([])
  expect(text).not.toContain('#/components')
})

test('bodies and media types stand where v2 has them', () => {
  const patch = part(document, 'paths', deployment, 'patch')
  expect(patch).toMatchObject({
    operationId: 'patchAppsV1NamespacedDeployment',
    consumes: expect.arrayContaining(['application/strategic-merge-patch+json']) as unknown,
    produces: expect.arrayContaining(['application/json']) as unknown,
    'x-kubernetes-group-version-kind': { group: 'apps', version: 'v1', kind: 'Deployment' },
  })
  expect(part(patch, 'parameters')).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: 'body', in: 'body', required: true }),
      expect.objectContaining({ name: 'fieldValidation', in: 'query', type: 'string' }),
    ]),
  )
})

test('options that several groups have are of all their kinds', () => {
  const name = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'
  const types = part(document, 'definitions', name, 'x-kubernetes-group-version-kind')
  expect(types).toEqual(
    expect.arrayContaining([
      { group: '', version: 'v1', kind: 'DeleteOptions' },
      { group: 'apps', version: 'v1', kind: 'DeleteOptions' },
    ]),
  )
})

/** The fields of the message at a path of field numbers; of repeated ones the first. */
function messageAt(bytes: Uint8Array, path: readonly number[]): Uint8Array {
  return path.reduce((inner, number) => {
    const found = [...new WireReader(inner).fields()].find(field => field.number === number)
    return found?.bytes ?? new Uint8Array()
  }, bytes)
}

test('the protobuf of v2 has the version, every path and every definition', () => {
  const bytes = encodeOpenApiV2(document)
  const text = (path: readonly number[]) => new TextDecoder().decode(messageAt(bytes, path))
  const count = (path: readonly number[]) =>
    [...new WireReader(messageAt(bytes, path)).fields()].length
  expect(text([1])).toBe('2.0')
  expect(text([2, 2])).toBe('v1.2.3')
  expect(count([8])).toBe(Object.keys(document['paths'] as object).length)
  expect(count([9])).toBe(Object.keys(document['definitions'] as object).length)
  expect(text([8, 2, 1])).toMatch(/^\/api\/v1\//)
  expect(text([9, 1, 1])).toBe(Object.keys(document['definitions'] as object)[0])
})

test('the protobuf of a schema has all that servers behind us may say of it', () => {
  const schema = {
    title: 'a',
    format: 'b',
    pattern: 'c',
    maximum: 2.5,
    minimum: 1,
    multipleOf: 0.5,
    exclusiveMaximum: true,
    maxLength: 7,
    minItems: 3,
    uniqueItems: true,
    readOnly: true,
    example: { x: 1 },
    allOf: [{ type: 'string' }, { type: 'object' }],
    additionalProperties: true,
    type: 'object',
  }
  const bytes = encodeOpenApiV2({ swagger: '2.0', definitions: { Lion: schema } })
  const fields = [...new WireReader(messageAt(bytes, [9, 1, 2])).fields()].map(
    ({ number }) => number,
  )
  expect(fields).toEqual([2, 3, 6, 7, 8, 9, 11, 13, 15, 16, 21, 22, 24, 24, 27, 30])
})

test('parameters of headers and forms stand in messages of their own', () => {
  const parameter = (place: string) => ({ name: 'p', in: place, type: 'string' })
  const places = ['header', 'formData', 'query', 'path', 'body']
  const paths = Object.fromEntries(
    places.map(place => [`/${place}`, { parameters: [parameter(place)] }]),
  )
  const bytes = encodeOpenApiV2({ swagger: '2.0', paths })
  const numbers = [...new WireReader(messageAt(bytes, [8])).fields()].map(({ bytes: item }) => {
    const inner = messageAt(item ?? new Uint8Array(), [2, 9, 1])
    const [kind] = [...new WireReader(inner).fields()]
    if (kind?.number !== 2) return 'body'
    return [...new WireReader(kind.bytes ?? new Uint8Array()).fields()][0]?.number
  })
  expect(numbers).toEqual([1, 2, 3, 4, 'body'])
})
