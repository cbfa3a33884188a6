// Keeps EndpointSlices of the Endpoints that people or other programs write for Services without a selector.
// Counterpart: pkg/controller/endpointslicemirroring.

import type { KubeObject } from '../../api/object.js'
import { isNamespaceTerminating } from '../../client/api-error.js'
import { endpointSlices, endpoints, objectKey, services } from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { SliceWriter } from '../endpointslice/slice-writer.js'
import { isMirrored, mirroredBy, planMirroring } from './reconcile.js'

const notShownYetMs = 100

export function startEndpointSliceMirroringController(context: ControllerContext): Controller {
  const { client, informers } = context
  const endpointsInformer = informers.of(endpoints)
  const serviceInformer = informers.of(services)
  const writer = new SliceWriter(client, informers.of(endpointSlices), mirroredBy)
  const recorder = recorderOf(context, 'endpoint-slice-mirroring-controller')
  const { queue, start } = reconcilerQueue(context, {
    name: 'endpointslice-mirroring',
    concurrency: 5,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const object = endpointsInformer.objects.get(key)
    if (!writer.shown(key)) {
      queue.addAfter(key, notShownYetMs)
      return
    }
    if (object === undefined || !isMirrored(object, serviceInformer.objects.get(key))) {
      await writer.remove(key)
      return
    }
    const plan = planMirroring(object, writer.slicesOf(key))
    const { slices } = plan
    if (slices.create.length + slices.update.length > 0) {
      for (const { reason, message } of plan.events) {
        recorder.record(object, 'Warning', reason, message)
      }
    }
    try {
      await writer.apply(key, slices)
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error
    }
  }

  const changed = (object: KubeObject) => queue.add(objectKey(object))
  const all = { onAdd: changed, onUpdate: changed, onDelete: changed }
  const unsubscribe = [
    endpointsInformer.addHandlers(all),
    serviceInformer.addHandlers(all),
    writer.onChange(key => queue.add(key)),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
