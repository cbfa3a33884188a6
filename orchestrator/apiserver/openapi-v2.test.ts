import { expect, test } from 'vitest'
import { kinds } from '../api/kinds.js'
import { openApiGroupVersions, openApiV3 } from '../api/openapi.js'
import { openApiV2 } from './openapi-v2.js'

test('the OpenAPI v2 document is protobuf that says version 2.0', () => {
  const documents = openApiGroupVersions(kinds).map(({ group, version }) =>
    openApiV3(group, version, kinds),
  )
  const bytes = openApiV2(documents, 'v1')
  expect([...bytes.subarray(0, 2)]).toEqual([0x0a, 3])
  expect(new TextDecoder().decode(bytes.subarray(2, 5))).toBe('2.0')
})
