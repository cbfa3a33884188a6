// Filters that look at the node itself: its name, whether it is cordoned, its taints.
// Counterpart: plugins nodename, nodeunschedulable and tainttoleration.

import type { Filter } from './filter.js'
import { toleratesAny } from '../../api/tolerations.js'

export const nodeName: Filter = {
  name: 'NodeName',
  prepare: ({ pod }) => {
    const wanted = pod.spec.nodeName ?? ''
    return node => {
      if (wanted === '' || wanted === node.name) return null
      const reasons = ["node(s) didn't match the requested node name"]
      return { filter: 'NodeName', reasons, helpedByPreemption: false }
    }
  },
}

const cordon = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const

export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  prepare: ({ pod }) => {
    const tolerated = toleratesAny(pod.spec.tolerations ?? [], cordon)
    return ({ node }) => {
      if (!node.spec?.unschedulable || tolerated) return null
      const reasons = ['node(s) were unschedulable']
      return { filter: 'NodeUnschedulable', reasons, helpedByPreemption: false }
    }
  },
}

export const taintToleration: Filter = {
  name: 'TaintToleration',
  prepare: ({ pod }) => {
    const tolerations = pod.spec.tolerations ?? []
    return ({ node }) => {
      const taint = (node.spec?.taints ?? []).find(
        one =>
          (one.effect === 'NoSchedule' || one.effect === 'NoExecute') &&
          !toleratesAny(tolerations, one),
      )
      if (!taint) return null
      const reasons = [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`]
      return { filter: 'TaintToleration', reasons, helpedByPreemption: false }
    }
  },
}
