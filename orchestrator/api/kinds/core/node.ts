// Nodes: the machines that pods run on. Counterpart: pkg/registry/core/node and printNode.

import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { node as schema } from '../../schema/core-node.js'
import type { Node } from '../../types/core-node.js'
import { validateNode } from '../../validation/node.js'
import { ageColumn, joined, nameColumn, none, text, wide } from '../columns.js'
import { ordinary } from '../kind-parts.js'

const rolePrefix = 'node-role.kubernetes.io/'
const roleLabel = 'kubernetes.io/role'

function statusText(node: Node): string {
  const ready = (node.status?.conditions ?? []).find(c => c.type === 'Ready')
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady']
  if (node.spec?.unschedulable === true) words.push('SchedulingDisabled')
  return words.join(',')
}

function rolesText(node: Node): string {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key !== rolePrefix) roles.add(key.slice(rolePrefix.length))
    else if (key === roleLabel && value !== '') roles.add(value)
  }
  return joined([...roles].sort())
}

function addressOf(node: Node, type: string): string {
  return (node.status?.addresses ?? []).find(a => a.type === type)?.address ?? none
}

function orUnknown(value: string | undefined): string {
  return value || '<unknown>'
}

/** A node that reports no reservations offers all that it has. */
function withDefaults(object: KubeObject): KubeObject {
  const node = object as Node
  const { status } = node
  if (status?.capacity === undefined || status.allocatable !== undefined) return node
  const complete: Node = { ...node, status: { ...status, allocatable: status.capacity } }
  return complete
}

export const node: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  namespaced: false,
  schema,
  hasStatus: true,
  subresources: [
    {
      name: 'proxy',
      group: '',
      version: 'v1',
      kind: 'NodeProxyOptions',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
    },
  ],
  columns: [
    nameColumn,
    text<Node>('Status', 'Whether the node is ready, and takes new pods.', statusText),
    text<Node>('Roles', 'The roles that its labels give the node.', rolesText),
    ageColumn,
    text<Node>(
      'Version',
      'The version of its kubelet.',
      n => n.status?.nodeInfo?.kubeletVersion ?? '',
    ),
    wide<Node>('Internal-IP', 'Its address inside.', n => addressOf(n, 'InternalIP')),
    wide<Node>('External-IP', 'Its address outside.', n => addressOf(n, 'ExternalIP')),
    wide<Node>('OS-Image', 'Its operating system.', n => orUnknown(n.status?.nodeInfo?.osImage)),
    wide<Node>('Kernel-Version', 'Its kernel.', n => orUnknown(n.status?.nodeInfo?.kernelVersion)),
    wide<Node>('Container-Runtime', 'What runs its containers.', n =>
      orUnknown(n.status?.nodeInfo?.containerRuntimeVersion),
    ),
  ],
  fieldSelectors: {
    'spec.unschedulable': object => String((object as Node).spec?.unschedulable ?? false),
  },
  withDefaults,
  validate: (object, old) => validateNode(object, old),
  writes: { initialStatus: 'given' },
}
