// The options of a write as webhooks and policies see them. Pure. Counterpart: the options of
// meta.k8s.io/v1.

import type { JsonObject } from '../../api/object.js'
import type { DeleteOptions, WriteOptions } from '../query-options.js'

const apiVersion = 'meta.k8s.io/v1'

export function createOptions(options: WriteOptions): JsonObject {
  return { kind: 'CreateOptions', apiVersion, ...ofWrite(options) }
}

export function updateOptions(options: WriteOptions): JsonObject {
  return { kind: 'UpdateOptions', apiVersion, ...ofWrite(options) }
}

function ofWrite({ dryRun, fieldManager, fieldValidation }: WriteOptions): JsonObject {
  return {
    ...dryRunOf(dryRun),
    ...(fieldManager === '' ? {} : { fieldManager }),
    fieldValidation,
  }
}

export function deleteOptions(options: DeleteOptions): JsonObject {
  const { gracePeriodSeconds, propagationPolicy, uid, resourceVersion, dryRun } = options
  return {
    kind: 'DeleteOptions',
    apiVersion,
    ...dryRunOf(dryRun),
    ...(gracePeriodSeconds === null ? {} : { gracePeriodSeconds }),
    ...(uid === null && resourceVersion === null
      ? {}
      : {
          preconditions: {
            ...(uid === null ? {} : { uid }),
            ...(resourceVersion === null ? {} : { resourceVersion }),
          },
        }),
    ...(propagationPolicy === null ? {} : { propagationPolicy }),
  }
}

function dryRunOf(dryRun: boolean): JsonObject {
  return dryRun ? { dryRun: ['All'] } : {}
}
