// The ServiceCIDR controller's shell: says which ranges of cluster IPs are ready, and lets those that were
// deleted go. Counterpart: pkg/controller/servicecidrs.

import type { IPAddress, ServiceCIDR } from '../../api/types/networking-address.js'
import { isNotFound } from '../../client/api-error.js'
import { ipAddresses, objectKey, serviceCidrs } from '../../client/resources.js'
import { formatTime } from '../../client/timestamps.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  runningController,
} from '../context.js'
import { isDeleting } from '../ownership.js'
import { contains, planRange } from './reconcile.js'
import type { RangeInputs } from './reconcile.js'

export function startServiceCidrController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const ranges = informers.of(serviceCidrs)
  const addresses = informers.of(ipAddresses)
  const { queue, start } = reconcilerQueue(context, {
    name: 'service-cidrs',
    // One at a time: of two that overlap and go, one has to see the other off.
    concurrency: 1,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const range = ranges.objects.get(key)
    if (range === undefined) return
    const now = formatTime(clock.wallMs())
    const known = { ranges: ranges.objects.list(), addresses: addresses.objects.list() }
    const plan = planRange({ range, now, ...known })
    try {
      if (plan.kind === 'none') return
      if (plan.kind === 'status') await client.updateStatus(serviceCidrs, plan.range)
      else if (isDeleting(range)) await release(range, now)
      else await client.update(serviceCidrs, plan.range)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  /** Our copies may not show an address that was taken before the deletion: the server is asked. */
  async function release(range: ServiceCIDR, now: string): Promise<void> {
    const newest: Omit<RangeInputs, 'range'> = {
      ranges: (await client.list(serviceCidrs)).items,
      addresses: (await client.list(ipAddresses)).items,
      now,
    }
    const plan = planRange({ range, ...newest })
    if (plan.kind === 'update') await client.update(serviceCidrs, plan.range)
    else if (plan.kind === 'status') await client.updateStatus(serviceCidrs, plan.range)
  }

  const changed = (range: ServiceCIDR) => queue.add(objectKey(range))
  /** What comes, goes or stays by another one: all that wait for their end look again. */
  const othersChanged = (range: ServiceCIDR) => {
    changed(range)
    for (const other of ranges.objects.list()) if (isDeleting(other)) changed(other)
  }
  const addressChanged = (address: IPAddress) => {
    for (const range of ranges.objects.list()) {
      if (isDeleting(range) && contains(range, address)) changed(range)
    }
  }
  const unsubscribe = [
    ranges.addHandlers({ onAdd: othersChanged, onUpdate: othersChanged, onDelete: othersChanged }),
    addresses.addHandlers({ onAdd: addressChanged, onDelete: addressChanged }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
