// A shift of the default ports at which all of a cluster's are free. Those of the third master lie where the kernel takes
// ports for outgoing connections from, and one that anybody has, or has just had, cannot be listened on.

import { planCluster } from '../cluster/layout.js'
import { checkAddresses } from '../cluster/preflight.js'

const attemptsMax = 50

/** The first from `wanted` on. Other clusters on the machine keep a hundred away from each other. */
export async function freeOffset(
  wanted: number,
  { masters, nodes }: { readonly masters: number; readonly nodes: number },
): Promise<number> {
  for (let portOffset = wanted; ; portOffset += 1) {
    try {
      const options = { masters, nodes, portOffset, storeTls: true, historyMs: null }
      await checkAddresses(planCluster(options))
      return portOffset
    } catch (error) {
      if (portOffset === wanted + attemptsMax) throw error
    }
  }
}
