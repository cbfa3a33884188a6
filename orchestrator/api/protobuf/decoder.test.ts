import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseBody } from '../decode.js'
import { ApiError } from '../status.js'

const mediaType = 'application/vnd.kubernetes.protobuf'

/** A body that kubectl 1.33 sent. */
function captured(name: string): Uint8Array {
  const path = fileURLToPath(new URL(`./fixtures/${name}.hex`, import.meta.url))
  return Uint8Array.from(Buffer.from(readFileSync(path, 'utf8').replace(/\s/g, ''), 'hex'))
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))]
}

function message(number: number, content: readonly number[] | string): number[] {
  const bytes = typeof content === 'string' ? [...new TextEncoder().encode(content)] : content
  return [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes]
}

function number(field: number, value: number): number[] {
  return [...varint(field << 3), ...varint(value)]
}

function envelope(apiVersion: string, kind: string, raw: readonly number[]): Uint8Array {
  const typeMeta = [...message(1, apiVersion), ...message(2, kind)]
  return Uint8Array.from([0x6b, 0x38, 0x73, 0, ...message(1, typeMeta), ...message(2, raw)])
}

function decode(bytes: Uint8Array): unknown {
  return parseBody(bytes, mediaType).value
}

describe('bodies of kubectl 1.33', () => {
  test.each([
    ['create-namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } }],
    [
      'create-config-map',
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'cm' },
        data: { a: 'b' },
      },
    ],
    [
      'create-secret',
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 's' },
        data: { p: 'dw==' },
      },
    ],
    [
      'create-service-account',
      {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'robot' },
      },
    ],
    [
      'create-deployment',
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', labels: { app: 'web' } },
        spec: {
          replicas: 2,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: {
              containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 80 }] }],
            },
          },
        },
      },
    ],
  ])('%s says what the user said and nothing else', (name, expected) => {
    expect(decode(captured(name))).toEqual(expected)
  })

  test('replicas 0 was set on purpose and stays', () => {
    expect(decode(captured('create-deployment-zero-replicas'))).toMatchObject({
      spec: { replicas: 0 },
    })
  })

  test('every cut of a body fails cleanly or decodes', () => {
    const whole = captured('create-deployment')
    for (let length = 0; length < whole.length; length++) {
      expectCleanOutcome(whole.subarray(0, length))
    }
  })
})

function expectCleanOutcome(bytes: Uint8Array): void {
  try {
    decode(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError)
    expect((error as ApiError).httpCode).toBe(400)
  }
}

describe('wire rules', () => {
  test('fields that JSON spreads are read from the message that they are nested in', () => {
    const handler = message(1, [
      ...message(2, [...message(1, '/ok'), ...message(2, number(2, 80))]),
    ])
    const probe = message(10, [...handler, ...number(2, 5)])
    const volume = message(1, [...message(1, 'v'), ...message(2, message(2, message(1, 'Memory')))])
    const spec = message(2, [...volume, ...message(2, [...message(1, 'c'), ...probe])])
    expect(decode(envelope('v1', 'Pod', spec))).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      spec: {
        volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }],
        containers: [
          {
            name: 'c',
            livenessProbe: { httpGet: { path: '/ok', port: 80 }, initialDelaySeconds: 5 },
          },
        ],
      },
    })
  })

  test('quantities, ports by name, times and signed numbers take their JSON form', () => {
    const entry = message(1, [...message(1, 'cpu'), ...message(2, message(1, '500m'))])
    const minus = [...varint(3 << 3), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]
    const port = [...number(1, 1), ...message(3, 'web')]
    const probe = [...message(1, message(3, message(1, port))), ...minus]
    const container = [...message(1, 'c'), ...message(8, entry), ...message(11, probe)]
    const meta = message(8, number(1, 1_700_000_000))
    expect(
      decode(envelope('v1', 'Pod', [...message(1, meta), ...message(2, message(2, container))])),
    ).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { creationTimestamp: '2023-11-14T22:13:20Z' },
      spec: {
        containers: [
          {
            name: 'c',
            resources: { limits: { cpu: '500m' } },
            readinessProbe: { tcpSocket: { port: 'web' }, timeoutSeconds: -1 },
          },
        ],
      },
    })
  })

  test('a map key named __proto__ becomes an ordinary key', () => {
    const data = message(2, [...message(1, '__proto__'), ...message(2, 'x')])
    const value = decode(envelope('v1', 'ConfigMap', data)) as { data: object }
    expect(Object.keys(value.data)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(value.data)).toBe(Object.prototype)
  })

  test('unknown fields are skipped', () => {
    const raw = [...message(1, message(1, 'x')), ...message(999, 'later'), ...number(998, 7)]
    expect(decode(envelope('v1', 'Namespace', raw))).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'x' },
    })
  })

  test.each([
    ['a wrong magic', Uint8Array.from([1, 2, 3, 4])],
    ['an unknown kind', envelope('v1', 'Nothing', [])],
    ['a group wire type', envelope('v1', 'Pod', [(1 << 3) | 3])],
    ['text that is not UTF-8', envelope('v1', 'Namespace', message(1, message(1, [0xff])))],
    ['a number where a message belongs', envelope('v1', 'Namespace', number(1, 1))],
  ])('%s is a bad request', (_, bytes) => {
    expect(() => decode(bytes)).toThrow(ApiError)
  })

  test('random messages never crash the decoder', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('Pod', 'Node', 'Event', 'Service', 'Secret', 'DeleteOptions'),
        (raw, kind) => expectCleanOutcome(envelope('v1', kind, [...raw])),
      ),
    )
  })
})
