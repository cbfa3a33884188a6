// Ports of the node that the pod's containers want for themselves. Counterpart: plugin nodeports.

import type { Plugin, Rejection } from '../plugin.js'
import type { HostPort, PodInfo } from '../state/pod-info.js'

const taken: Rejection = {
  plugin: 'NodePorts',
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
  helpedByPreemption: true,
}

const collidesWith = (wanted: readonly HostPort[], { ports }: PodInfo) =>
  ports.some(port => wanted.some(one => portsCollide(one, port)))

export const nodePorts: Plugin = {
  name: 'NodePorts',
  filter: ({ pod: { ports } }) => {
    if (ports.length === 0) return null
    return {
      check: node => {
        if (node.podsWithPorts === 0) return null
        return node.pods.some(other => collidesWith(ports, other)) ? taken : null
      },
    }
  },
  hints: {
    'node-added': () => true,
    'pod-freed': (event, { ports }) => event.kind === 'pod-freed' && collidesWith(ports, event.pod),
  },
}

function portsCollide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0'
}
