import { expect, test } from 'vitest'
import { encodeBase64 } from '../base64.js'
import type { JsonObject } from '../object.js'
import { checked, errorLines } from '../testing/checked-object.js'

const encoder = new TextEncoder()

function secret(type: string, data: Readonly<Record<string, string>>, rest: JsonObject = {}) {
  const encoded = Object.entries(data).map(([key, text]) => [
    key,
    encodeBase64(encoder.encode(text)),
  ])
  return checked('Secret', { type, data: Object.fromEntries(encoded) as JsonObject, ...rest })
}

const hidden = 'Invalid value: "<secret contents redacted>"'

test.each<readonly [string, Readonly<Record<string, string>>, readonly string[]]>([
  ['Opaque', {}, []],
  ['example.com/own', {}, []],
  ['tls', {}, ['data[tls.crt]: Required value', 'data[tls.key]: Required value']],
  ['tls', { 'tls.crt': '', 'tls.key': '' }, []],
  ['dockercfg', {}, ['data[.dockercfg]: Required value']],
  ['dockercfg', { '.dockercfg': '{"r":{}}' }, []],
  ['dockerconfigjson', {}, ['data[.dockerconfigjson]: Required value']],
  [
    'dockerconfigjson',
    { '.dockerconfigjson': '' },
    [`data[.dockerconfigjson]: ${hidden}: unexpected end of JSON input`],
  ],
  [
    'dockerconfigjson',
    { '.dockerconfigjson': '{' },
    [`data[.dockerconfigjson]: ${hidden}: unexpected end of JSON input`],
  ],
  [
    'dockerconfigjson',
    { '.dockerconfigjson': '[]' },
    [
      `data[.dockerconfigjson]: ${hidden}: json: cannot unmarshal array into Go value of type map[string]interface {}`,
    ],
  ],
  ['ssh-auth', { 'ssh-privatekey': '' }, ['data[ssh-privatekey]: Required value']],
  ['ssh-auth', { 'ssh-privatekey': 'k' }, []],
  ['basic-auth', {}, ['data[username]: Required value', 'data[password]: Required value']],
  ['basic-auth', { username: '' }, []],
  [
    'service-account-token',
    {},
    ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
  ],
])('a secret of type %s with %j', (type, data, expected) => {
  const full = type.includes('/') || type === 'Opaque' ? type : `kubernetes.io/${type}`
  expect(errorLines(secret(full, data))).toEqual(expected)
})

test('a secret stays of its type, and once sealed as it is', () => {
  const old = secret('Opaque', { a: 'b' }, { immutable: true })
  expect(errorLines(secret('other', { a: 'c' }), old)).toEqual([
    'immutable: Forbidden: field is immutable when `immutable` is set',
    'data: Forbidden: field is immutable when `immutable` is set',
    'type: Invalid value: "other": field is immutable',
  ])
})

test('a secret may be a mebibyte, and no more', () => {
  const half = 'x'.repeat(524_288)
  expect(errorLines(secret('Opaque', { a: half, b: half }))).toEqual([])
  expect(errorLines(secret('Opaque', { a: half, b: half, c: 'x' }))).toEqual([
    'data: Too long: may not be more than 1048576 bytes',
  ])
})
