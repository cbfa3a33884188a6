import { expect, test } from 'vitest'
import { openApiV3FromV2 } from './v3-from-v2.js'

const refersTo = (name: string) => ({ $ref: `#/definitions/${name}` })
const component = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const path = '/apis/zoo.example.com/v1/lions'
const kind = { group: 'zoo.example.com', version: 'v1', kind: 'Lion' }

const made = openApiV3FromV2({
  group: 'zoo.example.com',
  version: 'v1',
  paths: {
    [path]: {
      parameters: [{ name: 'pretty', in: 'query', type: 'string', uniqueItems: true }],
      get: {
        produces: ['application/json', 'application/yaml'],
        responses: {
          200: { description: 'OK', schema: refersTo('Lion') },
          401: { description: '' },
        },
      },
      post: {
        consumes: ['*/*'],
        parameters: [
          { name: 'body', in: 'body', required: true, schema: refersTo('Lion') },
          { name: 'fieldValidation', in: 'query', description: 'How.', type: 'string' },
          { name: 'form', in: 'formData', type: 'file' },
        ],
        responses: { 201: { schema: { type: 'array', items: refersTo('Lion') } } },
        'x-kubernetes-action': 'post',
        'x-kubernetes-group-version-kind': kind,
      },
    },
  },
  definitions: {
    Lion: {
      type: 'object',
      properties: { $ref: { type: 'string' }, cubs: { type: 'array', items: refersTo('Lion') } },
      'x-kubernetes-group-version-kind': [kind],
    },
  },
})

test('definitions are components, and are referred to as such', () => {
  expect(made['components']).toEqual({
    schemas: {
      Lion: {
        type: 'object',
        properties: { $ref: { type: 'string' }, cubs: { type: 'array', items: component('Lion') } },
        'x-kubernetes-group-version-kind': [kind],
      },
    },
  })
  expect(JSON.stringify(made)).not.toContain('#/definitions/')
})

test('bodies, answers and parameters stand where v3 has them', () => {
  const content = (schema: object, ...types: readonly string[]) => ({
    content: Object.fromEntries(types.map(type => [type, { schema }])),
  })
  expect(made['paths']).toEqual({
    [path]: {
      parameters: [{ name: 'pretty', in: 'query', schema: { type: 'string', uniqueItems: true } }],
      get: {
        parameters: [],
        responses: {
          200: {
            description: 'OK',
            ...content(component('Lion'), 'application/json', 'application/yaml'),
          },
          401: { description: '' },
        },
      },
      post: {
        parameters: [
          {
            name: 'fieldValidation',
            in: 'query',
            description: 'How.',
            schema: { type: 'string' },
          },
        ],
        requestBody: { required: true, ...content(component('Lion'), 'application/json', '*/*') },
        responses: {
          201: content({ type: 'array', items: component('Lion') }, 'application/json'),
        },
        'x-kubernetes-action': 'post',
        'x-kubernetes-group-version-kind': kind,
      },
    },
  })
})
