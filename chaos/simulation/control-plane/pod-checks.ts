// What must hold of pods: they do not vanish, they stay where they were bound, and there is room for them. And of
// what really runs: never two at a time under one identity.

import type { Pod } from '../../../orchestrator/api/types/core-pod.js'
import { holds } from '../failure.js'
import type { ObjectChange } from './object-history.js'
import type { Check, View } from './view.js'
import { asPod, controllerOf, hasEnded, isDeleting, isPod, nameOf, podsWhere } from './view.js'

/** A pod that runs goes only after it was told to, and after its node has let it go. */
export class PodKept implements Check {
  private readonly view: View

  constructor(view: View) {
    this.view = view
  }

  changed(change: ObjectChange): void {
    const before = asPod(change.before)
    if (!isPod(change) || before === null || change.after !== null) return
    const { uid = '' } = before.metadata
    const runs = this.view.nodes.find(({ machine }) => {
      const container = machine.containers.get(uid)
      return container !== undefined && container.state !== 'exited'
    })
    holds(
      runs === undefined,
      'pod-kept',
      () => `${nameOf(before)} is gone from the API and runs on ${runs?.name}`,
    )
    holds(
      before.status?.phase !== 'Running' || isDeleting(before),
      'pod-kept',
      () => `${nameOf(before)} was running, nobody had deleted it, and it is gone`,
    )
  }
}

export class BoundOnce implements Check {
  changed(change: ObjectChange): void {
    const before = asPod(change.before)
    const after = asPod(change.after)
    if (!isPod(change) || before === null || after === null) return
    const { nodeName = '' } = before.spec
    holds(
      nodeName === '' || nodeName === after.spec.nodeName,
      'bound-once',
      () => `${nameOf(before)} moves from ${nodeName} to ${after.spec.nodeName}`,
    )
  }
}

/** Thousandths of a processor that a node of the simulation has. */
const nodeMilliCpu = 4_000

export class RoomOnTheNode implements Check {
  private readonly view: View

  constructor(view: View) {
    this.view = view
  }

  changed(change: ObjectChange): void {
    const before = asPod(change.before)
    const after = asPod(change.after)
    if (!isPod(change) || after === null) return
    const { nodeName = '' } = after.spec
    if (nodeName === '' || before?.spec.nodeName === nodeName || !this.view.quiet()) return
    this.view.mark('bound while it was quiet')
    const there = podsWhere(this.view, pod => pod.spec.nodeName === nodeName && !hasEnded(pod))
    const asked = there.reduce((sum, pod) => sum + milliCpuOf(pod), 0)
    holds(
      asked <= nodeMilliCpu,
      'room-on-the-node',
      () =>
        `${nameOf(after)} is bound to ${nodeName}, whose pods ask for ${asked}m of 4 processors`,
    )
  }
}

function milliCpuOf(pod: Pod): number {
  return pod.spec.containers.reduce((sum, { resources }) => {
    const cpu = resources?.requests?.['cpu'] ?? '0'
    return sum + (cpu.endsWith('m') ? Number(cpu.slice(0, -1)) : Number(cpu) * 1000)
  }, 0)
}

/** Pods of StatefulSets, by what runs on the nodes, whatever the API says. */
export class OneIdentity implements Check {
  private readonly view: View
  /** Of all pods of StatefulSets there ever were. */
  private readonly uids = new Set<string>()

  constructor(view: View) {
    this.view = view
  }

  changed(change: ObjectChange): void {
    const pod = asPod(change.after)
    if (!isPod(change) || pod === null || change.before !== null) return
    if (controllerOf(pod)?.kind === 'StatefulSet') this.uids.add(pod.metadata.uid ?? '')
  }

  /** Now and then. */
  look(): void {
    const running = new Map<string, { readonly uid: string; readonly node: string }>()
    for (const { name: node, machine } of this.view.nodes) {
      for (const { uid, namespace, podName, state } of machine.containers.values()) {
        if (state === 'exited' || !this.uids.has(uid)) continue
        const identity = `${namespace}/${podName}`
        const other = running.get(identity)
        holds(
          other === undefined,
          'one-identity',
          () => `${identity} runs on ${other?.node} as ${other?.uid} and on ${node} as ${uid}`,
        )
        running.set(identity, { uid, node })
      }
    }
  }
}
