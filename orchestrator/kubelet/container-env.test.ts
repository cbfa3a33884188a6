import { describe, expect, it } from 'vitest'
import type { Container } from '../api/types/core-container.js'
import type { Service } from '../api/types/core-service.js'
import { containerCommand, containerEnv, type EnvContext } from './container-env.js'
import { podField, type PodPlace } from './pod-fields.js'
import { serviceEnv } from './service-env.js'
import { containerOf, podOf } from './testing/observation.js'

const place: PodPlace = {
  nodeName: 'node-1',
  hostAddress: '127.0.0.1',
  podAddress: '127.64.0.2',
  allocatable: { cpu: '4', memory: '8Gi' },
}

const pod = podOf({
  metadata: { labels: { app: 'web', "a'b": 'odd' }, annotations: { note: 'x "y"' } },
})

function contextOf(container: Partial<Container>, more: Partial<EnvContext> = {}): EnvContext {
  return {
    pod,
    container: containerOf('main', container),
    place,
    services: [],
    configMaps: new Map(),
    secrets: new Map(),
    ...more,
  }
}

const envOf = (context: EnvContext): Record<string, string> =>
  Object.fromEntries(containerEnv(context).map(({ name, value }) => [name, value]))

const configMap = (data: { readonly [key: string]: string }) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {},
  data,
})

describe('the environment of a container', () => {
  it('always has the address of its pod', () => {
    expect(envOf(contextOf({}))).toEqual({ POD_IP: '127.64.0.2' })
  })

  it('expands references to what was defined before, and to nothing later', () => {
    const env = [
      { name: 'B', value: '$(A)' },
      { name: 'A', value: '1' },
      { name: 'C', value: '$(A)-$(B)-$$(A)' },
      { name: 'A', value: '$(A)2' },
    ]
    expect(envOf(contextOf({ env }))).toMatchObject({ A: '12', B: '$(A)', C: '1-$(A)-$(A)' })
  })

  it('takes whole ConfigMaps and Secrets with a prefix, which single variables override', () => {
    const context = contextOf(
      {
        envFrom: [
          { prefix: 'X_', configMapRef: { name: 'settings' } },
          { secretRef: { name: 'keys' } },
          { configMapRef: { name: 'absent', optional: true } },
        ],
        env: [{ name: 'X_a', value: 'mine' }],
      },
      {
        configMaps: new Map([
          ['settings', configMap({ a: '1', b: '2', 'no=name': '3' })],
          ['absent', null],
        ]),
        secrets: new Map([
          ['keys', { apiVersion: 'v1', kind: 'Secret', metadata: {}, data: { k: 'dg==' } }],
        ]),
      },
    )
    expect(envOf(context)).toEqual({ POD_IP: '127.64.0.2', X_a: 'mine', X_b: '2', k: 'v' })
  })

  it('has fields of the pod and resources of the container', () => {
    const field = (name: string, fieldPath: string) => ({
      name,
      valueFrom: { fieldRef: { fieldPath } },
    })
    const resource = (name: string, resource: string, divisor?: string) => ({
      name,
      valueFrom: { resourceFieldRef: { resource, ...(divisor ? { divisor } : {}) } },
    })
    const context = contextOf({
      resources: { requests: { cpu: '250m', memory: '1500Ki' } },
      env: [
        field('NAME', 'metadata.name'),
        field('APP', "metadata.labels['app']"),
        field('NODE', 'spec.nodeName'),
        field('IP', 'status.podIP'),
        resource('CPU', 'requests.cpu'),
        resource('MILLI', 'requests.cpu', '1m'),
        resource('MEGA', 'requests.memory', '1Mi'),
        resource('LIMIT', 'limits.cpu'),
      ],
    })
    expect(envOf(context)).toMatchObject({
      NAME: 'web',
      APP: 'web',
      NODE: 'node-1',
      IP: '127.64.0.2',
      CPU: '1',
      MILLI: '250',
      MEGA: '2',
      LIMIT: '4',
    })
  })

  it('cannot be made when something is missing that is not optional', () => {
    const key = { name: 'settings', key: 'none' }
    const from = (configMapKeyRef: { name: string; key: string; optional?: boolean }) =>
      contextOf(
        { env: [{ name: 'V', valueFrom: { configMapKeyRef } }] },
        { configMaps: new Map([['settings', configMap({})]]) },
      )
    expect(() => containerEnv(from(key))).toThrow(
      "couldn't find key none in ConfigMap default/settings",
    )
    expect(envOf(from({ ...key, optional: true }))).not.toHaveProperty('V')
    expect(() => containerEnv(from({ ...key, name: 'absent' }))).toThrow(
      'configmap "absent" not found',
    )
  })

  it('is what commands and arguments refer to', () => {
    const container = containerOf('main', { command: ['echo', '$(A)'], args: ['$(B)', '$$(A)'] })
    expect(containerCommand(container, [{ name: 'A', value: 'x y' }])).toEqual({
      command: ['echo', 'x y'],
      args: ['$(B)', '$(A)'],
    })
  })
})

it('labels and annotations as a file are sorted lines with quoted values', () => {
  expect(podField(pod, place, 'metadata.labels')).toBe('a\'b="odd"\napp="web"')
  expect(podField(pod, place, 'metadata.annotations')).toBe('note="x \\"y\\""')
  expect(podField(pod, place, "metadata.labels['__proto__']")).toBe('')
  expect(() => podField(pod, place, 'spec.secret')).toThrow('unsupported fieldPath: spec.secret')
})

describe('variables of services', () => {
  const service = (name: string, namespace: string, clusterIP: string): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  })
  const services = [
    service('my-web', 'default', '127.96.0.9'),
    service('headless', 'default', 'None'),
    service('other', 'elsewhere', '127.96.0.8'),
    service('kubernetes', 'default', '127.96.0.1'),
  ]

  it('name those of the same namespace that have an address, and the API server', () => {
    const env = Object.fromEntries(serviceEnv(services, 'default', true))
    expect(env).toMatchObject({
      MY_WEB_SERVICE_HOST: '127.96.0.9',
      MY_WEB_SERVICE_PORT: '80',
      MY_WEB_SERVICE_PORT_HTTP: '80',
      MY_WEB_PORT: 'tcp://127.96.0.9:80',
      MY_WEB_PORT_80_TCP: 'tcp://127.96.0.9:80',
      MY_WEB_PORT_80_TCP_PROTO: 'tcp',
      MY_WEB_PORT_80_TCP_PORT: '80',
      MY_WEB_PORT_80_TCP_ADDR: '127.96.0.9',
      KUBERNETES_SERVICE_HOST: '127.96.0.1',
    })
    expect(Object.keys(env).filter(name => /^(HEADLESS|OTHER)/.test(name))).toEqual([])
  })

  it('name the API server alone for a pod that wants no links', () => {
    const names = [...serviceEnv(services, 'default', false).keys()]
    expect(names.every(name => name.startsWith('KUBERNETES_'))).toBe(true)
    expect(names).toContain('KUBERNETES_SERVICE_HOST')
  })
})
