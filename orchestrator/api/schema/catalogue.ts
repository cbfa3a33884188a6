// Every struct by the file it is written in, so that types and OpenAPI can be made from all of them.
// A new schema file is one more line here.

import type { StructSchema } from '../schema.js'
import * as apiextensions from './apiextensions.js'
import * as apps from './apps.js'
import * as authentication from './authentication.js'
import * as authorization from './authorization.js'
import * as autoscaling from './autoscaling.js'
import * as coordination from './coordination.js'
import * as coreConfig from './core-config.js'
import * as coreContainer from './core-container.js'
import * as coreEvent from './core-event.js'
import * as coreNode from './core-node.js'
import * as corePodStatus from './core-pod-status.js'
import * as corePod from './core-pod.js'
import * as coreReference from './core-reference.js'
import * as coreScheduling from './core-scheduling.js'
import * as coreService from './core-service.js'
import * as coreVolume from './core-volume.js'
import * as discovery from './discovery.js'
import * as events from './events.js'
import * as meta from './meta.js'
import * as policy from './policy.js'

export interface SchemaFile {
  /** Without extension; the types of its structs are in types/<file>.ts. */
  readonly file: string
  readonly structs: readonly StructSchema[]
}

function schemaFile(file: string, module: Readonly<Record<string, StructSchema>>): SchemaFile {
  return { file, structs: Object.values(module) }
}

export const schemaFiles: readonly SchemaFile[] = [
  schemaFile('apiextensions', apiextensions),
  schemaFile('apps', apps),
  schemaFile('authentication', authentication),
  schemaFile('authorization', authorization),
  schemaFile('autoscaling', autoscaling),
  schemaFile('coordination', coordination),
  schemaFile('core-config', coreConfig),
  schemaFile('core-container', coreContainer),
  schemaFile('core-event', coreEvent),
  schemaFile('core-node', coreNode),
  schemaFile('core-pod-status', corePodStatus),
  schemaFile('core-pod', corePod),
  schemaFile('core-reference', coreReference),
  schemaFile('core-scheduling', coreScheduling),
  schemaFile('core-service', coreService),
  schemaFile('core-volume', coreVolume),
  schemaFile('discovery', discovery),
  schemaFile('events', events),
  schemaFile('meta', meta),
  schemaFile('policy', policy),
]
