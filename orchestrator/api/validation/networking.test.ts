import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../object.js'
import { checked, errorLines } from '../testing/checked-object.js'

const service = { service: { name: 'web', port: { number: 80 } } }

const good: Readonly<Record<string, JsonObject>> = {
  Ingress: {
    spec: {
      rules: [{ host: 'a.example.com', http: { paths: [path({})] } }, { host: '*.example.com' }],
      tls: [{ hosts: ['*.example.com'], secretName: 'cert' }],
    },
  },
  IngressClass: {
    spec: { controller: 'example.com/ingress', parameters: { kind: 'Config', name: 'c' } },
  },
  NetworkPolicy: {
    spec: {
      podSelector: { matchLabels: { app: 'x' } },
      ingress: [
        { ports: [{ port: 80, endPort: 90 }, { port: 'http' }], from: [{ podSelector: {} }] },
      ],
      egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }],
    },
  },
  IPAddress: {
    metadata: { name: '10.96.0.1' },
    spec: { parentRef: { resource: 'services', namespace: 'default', name: 'kubernetes' } },
  },
  ServiceCIDR: { spec: { cidrs: ['10.96.0.0/16', '2001:db8::/64'] } },
}

function path(rest: JsonObject): JsonObject {
  return { path: '/', pathType: 'Prefix', backend: service, ...rest }
}

const made = (kind: string, patch: Json = {}) => checked(kind, good[kind] ?? {}, patch)
const rule = (rest: JsonObject) => ({ spec: { tls: null, rules: [rest] } })
const paths = (...list: JsonObject[]) => rule({ http: { paths: list } })
const at = 'spec.rules[0].http.paths[0]'

test.each(Object.keys(good))('a good %s has no errors, new or unchanged', kind => {
  expect(errorLines(made(kind))).toEqual([])
  expect(errorLines(made(kind), made(kind))).toEqual([])
})

describe('on create', () => {
  test.each<readonly [string, string, Json, readonly string[]]>([
    [
      'Ingress',
      'leads nowhere',
      { spec: null },
      ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'],
    ],
    [
      'Ingress',
      'has a default to nothing',
      { spec: { defaultBackend: {} } },
      ['spec.defaultBackend: Invalid value: "": resource or service backend is required'],
    ],
    [
      'Ingress',
      'has a default to two things',
      { spec: { defaultBackend: { ...service, resource: { kind: 'Bucket', name: 'b' } } } },
      ['spec.defaultBackend: Invalid value: "": cannot set both resource and service backends'],
    ],
    [
      'Ingress',
      'is for an address',
      rule({ host: '10.0.0.1' }),
      ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
    ],
    [
      'Ingress',
      'has a star inside',
      rule({ host: 'a.*.com' }),
      [
        `spec.rules[0].host: Invalid value: "a.*.com": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      ],
    ],
    ['Ingress', 'has no paths', paths(), ['spec.rules[0].http.paths: Required value']],
    [
      'Ingress',
      'does not say how to compare',
      paths({ path: '/', backend: service }),
      [`${at}.pathType: Required value: pathType must be specified`],
    ],
    [
      'Ingress',
      'compares in a way of its own',
      paths(path({ pathType: 'Regex' })),
      [
        `${at}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`,
      ],
    ],
    [
      'Ingress',
      'has a path from nowhere',
      paths(path({ path: 'a//b/..' })),
      [
        `${at}.path: Invalid value: "a//b/..": must be an absolute path`,
        `${at}.path: Invalid value: "a//b/..": must not contain '//'`,
        `${at}.path: Invalid value: "a//b/..": cannot end with '/..'`,
      ],
    ],
    [
      'Ingress',
      'may have any path that its server understands',
      paths(path({ pathType: 'ImplementationSpecific', path: '/a//b' })),
      [],
    ],
    [
      'Ingress',
      'names no port',
      paths(path({ backend: { service: { name: 'web' } } })),
      [`${at}.backend: Required value: port name or number is required`],
    ],
    [
      'Ingress',
      'names two ports of nothing',
      paths(path({ backend: { service: { name: '', port: { name: 'http', number: 80 } } } })),
      [
        `${at}.backend.service.name: Required value`,
        `${at}.backend: Invalid value: "": cannot set both port name & port number`,
      ],
    ],
    [
      'Ingress',
      'has two minds of its class',
      {
        metadata: { annotations: { 'kubernetes.io/ingress.class': 'a' } },
        spec: { ingressClassName: 'b' },
      },
      [
        'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
      ],
    ],
    [
      'IngressClass',
      'has nobody',
      { spec: { controller: '', parameters: null } },
      ['spec.controller: Required value'],
    ],
    [
      'IngressClass',
      'has somebody without a domain',
      { spec: { controller: 'nginx' } },
      [
        'spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")',
      ],
    ],
    [
      'IngressClass',
      'has parameters in a namespace, but not which',
      { spec: { parameters: { scope: 'Namespace' } } },
      ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    ],
    [
      'IngressClass',
      'has parameters everywhere, in a namespace',
      { spec: { parameters: { namespace: 'n' } } },
      ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    ],
    [
      'NetworkPolicy',
      'counts backwards',
      { spec: { ingress: [{ ports: [{ port: 80, endPort: 70 }, { endPort: 9 }] }] } },
      [
        'spec.ingress[0].ports[0].endPort: Invalid value: 70: must be greater than or equal to `port`',
        'spec.ingress[0].ports[1].endPort: Invalid value: 9: may not be specified when `port` is not specified',
      ],
    ],
    [
      'NetworkPolicy',
      'counts from a name',
      { spec: { ingress: [{ ports: [{ port: 'http', endPort: 90, protocol: 'ICMP' }] }] } },
      [
        'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        'spec.ingress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric',
      ],
    ],
    [
      'NetworkPolicy',
      'is about nobody, and about everybody',
      { spec: { egress: [{ to: [{}, { podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }] } },
      [
        'spec.egress[0].to[0]: Required value: must specify a peer',
        'spec.egress[0].to[1]: Forbidden: may not specify both ipBlock and another peer',
      ],
    ],
    [
      'NetworkPolicy',
      'leaves out more than there is',
      {
        spec: {
          egress: [
            {
              to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8', '11.0.0.0/9', 'x'] } }],
            },
          ],
        },
      },
      [
        'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
        'spec.egress[0].to[0].ipBlock.except[1]: Invalid value: "11.0.0.0/9": must be a strict subset of `cidr`',
        'spec.egress[0].to[0].ipBlock.except[2]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      ],
    ],
    [
      'NetworkPolicy',
      'is of an unknown type',
      { spec: { policyTypes: ['Sideways'] } },
      ['spec.policyTypes[0]: Unsupported value: "Sideways": supported values: "Egress", "Ingress"'],
    ],
    [
      'IPAddress',
      'is none, and nobody has it',
      { metadata: { name: 'ten' }, spec: { parentRef: null } },
      [
        'metadata.name: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'spec.parentRef: Required value',
      ],
    ],
    [
      'IPAddress',
      'is written at length, and somebody has it whose name is a path',
      { metadata: { name: '2001:DB8::0:1' }, spec: { parentRef: { name: 'a/b', resource: '' } } },
      [
        'metadata.name: Invalid value: "2001:DB8::0:1": must be in canonical form ("2001:db8::1")',
        'spec.parentRef.resource: Required value',
        `spec.parentRef.name: Invalid value: "a/b": may not contain '/'`,
      ],
    ],
    [
      'ServiceCIDR',
      'is empty',
      { spec: null },
      ['spec.cidrs: Required value: at least one CIDR required'],
    ],
    [
      'ServiceCIDR',
      'begins inside of itself',
      { spec: { cidrs: ['10.96.0.1/16'] } },
      [
        'spec.cidrs[0]: Invalid value: "10.96.0.1/16": must not have bits set beyond the prefix length',
      ],
    ],
    [
      'ServiceCIDR',
      'has two of a family',
      { spec: { cidrs: ['10.96.0.0/16', '10.97.0.0/16'] } },
      [
        'spec.cidrs: Invalid value: ["10.96.0.0/16","10.97.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ],
    ],
  ])('a %s that %s', (kind, _, patch, expected) => {
    expect(errorLines(made(kind, patch))).toEqual(expected)
  })
})

describe('on update', () => {
  test.each<readonly [string, string, Json, Json, readonly string[]]>([
    [
      'IngressClass',
      'has another controller',
      {},
      { spec: { controller: 'example.com/other' } },
      ['spec.controller: Invalid value: "example.com/other": field is immutable'],
    ],
    [
      'IPAddress',
      'goes to another',
      {},
      { spec: { parentRef: { name: 'other' } } },
      [
        'spec.parentRef: Invalid value: {"resource":"services","namespace":"default","name":"other"}: field is immutable',
      ],
    ],
    [
      'ServiceCIDR',
      'gets a second family',
      { spec: { cidrs: ['10.96.0.0/16'] } },
      { spec: { cidrs: ['10.96.0.0/16', '2001:db8::/64'] } },
      [],
    ],
    [
      'ServiceCIDR',
      'moves',
      { spec: { cidrs: ['10.96.0.0/16'] } },
      { spec: { cidrs: ['10.97.0.0/16'] } },
      ['spec.cidrs[0]: Invalid value: "10.97.0.0/16": field is immutable'],
    ],
    [
      'ServiceCIDR',
      'loses one',
      {},
      { spec: { cidrs: ['10.96.0.0/16'] } },
      ['spec.cidrs: Invalid value: ["10.96.0.0/16"]: field is immutable'],
    ],
    [
      'NetworkPolicy',
      'is about others',
      {},
      { spec: { podSelector: { matchLabels: { app: 'y' } }, egress: null } },
      [],
    ],
  ])('a %s that %s', (kind, _, before, patch, expected) => {
    expect(errorLines(made(kind, patch), made(kind, before))).toEqual(expected)
  })
})
