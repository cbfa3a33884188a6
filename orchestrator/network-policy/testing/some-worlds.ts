// Clusters with pods and policies as fast-check makes them up. Small on purpose, so that selectors, blocks and ports
// meet often.

import * as fc from 'fast-check'
import type { Namespace } from '../../api/types/core-config.js'
import type { Pod } from '../../api/types/core-pod.js'
import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../api/types/networking-policy.js'
import type { PolicyWorld } from '../policy-table.js'

const apps = ['a', 'b', 'c'] as const
const spaces = ['x', 'y'] as const

const someLabels = fc.constantFrom(...apps).map(app => ({ app }))
const somePodSelector = fc.oneof(
  fc.constant({}),
  someLabels.map(matchLabels => ({ matchLabels })),
)
const someNamespaceSelector = fc.oneof(
  fc.constant({}),
  fc.constantFrom(...spaces).map(name => ({ matchLabels: { name } })),
)

const somePeer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
  somePodSelector.map(podSelector => ({ podSelector })),
  someNamespaceSelector.map(namespaceSelector => ({ namespaceSelector })),
  fc
    .tuple(someNamespaceSelector, somePodSelector)
    .map(([namespaceSelector, podSelector]) => ({ namespaceSelector, podSelector })),
  fc
    .tuple(
      fc.constantFrom(28, 30, 32),
      fc.nat(15),
      fc.array(fc.tuple(fc.constantFrom(31, 32), fc.nat(15)), { maxLength: 2 }),
    )
    .map(([bits, last, except]) => ({
      ipBlock: {
        cidr: `10.0.0.${last}/${bits}`,
        except: except.map(([size, hole]) => `10.0.0.${hole}/${size}`),
      },
    })),
)

const someProtocol = fc.constantFrom('TCP', 'UDP')
const somePort: fc.Arbitrary<NetworkPolicyPort> = fc.oneof(
  someProtocol.map(protocol => ({ protocol })),
  fc
    .tuple(someProtocol, fc.integer({ min: 80, max: 84 }))
    .map(([protocol, port]) => ({ protocol, port })),
  fc
    .tuple(someProtocol, fc.integer({ min: 80, max: 84 }), fc.nat(3))
    .map(([protocol, port, more]) => ({ protocol, port, endPort: port + more })),
  someProtocol.map(protocol => ({ protocol, port: 'named' })),
)

const somePolicy: fc.Arbitrary<Omit<NetworkPolicy, 'metadata'> & { readonly space: string }> = fc
  .record({
    space: fc.constantFrom(...spaces),
    podSelector: somePodSelector,
    policyTypes: fc.subarray(['Ingress', 'Egress'], { minLength: 1 }),
    rules: fc.array(
      fc.record({
        peers: fc.array(somePeer, { maxLength: 2 }),
        ports: fc.array(somePort, { maxLength: 2 }),
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ space, podSelector, policyTypes, rules }) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    space,
    spec: {
      podSelector,
      policyTypes,
      ingress: rules.map(({ peers, ports }) => ({ from: peers, ports })),
      egress: rules.map(({ peers, ports }) => ({ to: peers, ports })),
    },
  }))

/** Pod number n has the address 10.0.0.n; the first half run on this node. */
const somePods = fc.array(
  fc.record({
    space: fc.constantFrom(...spaces),
    labels: someLabels,
    named: fc.integer({ min: 80, max: 82 }),
  }),
  { minLength: 4, maxLength: 6 },
)

const namespaces = spaces.map(
  (name): Namespace => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { name } },
  }),
)

function worldOf(
  pods: readonly {
    readonly space: string
    readonly labels: { readonly app: string }
    readonly named: number
  }[],
  policies: readonly (Omit<NetworkPolicy, 'metadata'> & { readonly space: string })[],
): PolicyWorld {
  return {
    nodeName: 'here',
    namespaces,
    pods: pods.map(
      ({ space, labels, named }, index): Pod => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `pod-${index}`, namespace: space, labels },
        spec: {
          nodeName: index * 2 < pods.length ? 'here' : 'there',
          containers: [
            { name: 'c', ports: [{ name: 'named', containerPort: named, protocol: 'TCP' }] },
          ],
        },
        status: { phase: 'Running', podIP: `10.0.0.${index + 1}` },
      }),
    ),
    policies: policies.map(({ space, ...policy }, index) => ({
      ...policy,
      metadata: { name: `policy-${index}`, namespace: space },
    })),
  }
}

export const someWorld: fc.Arbitrary<PolicyWorld> = fc
  .tuple(somePods, fc.array(somePolicy, { minLength: 1, maxLength: 4 }))
  .map(([pods, policies]) => worldOf(pods, policies))
