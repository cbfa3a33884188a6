// The messages of etcd v3 by reflection over the proto files, and gRPC around them. On purpose not the
// codec that the server ships: a mistake in that one must show here.

import { basename, dirname, join, resolve } from 'node:path'
import protobuf from 'protobufjs'

import { must } from '../../platform/errors.js'

const above = resolve(import.meta.dirname, '../..')
const projectRoot = basename(above) === 'dist' ? dirname(above) : above
const folder = join(projectRoot, 'store', 'etcd', 'proto')

const root = new protobuf.Root()
root.resolvePath = (_origin, target) => join(folder, basename(target))
root.loadSync(
  ['etcdserverpb.proto', 'v3lockpb.proto', 'v3electionpb.proto'].map(file => join(folder, file)),
  { keepCase: true },
)
root.resolveAll()

export interface Method {
  readonly path: string
  readonly request: protobuf.Type
  readonly response: protobuf.Type
}

/** As in "etcdserverpb.KV/Range". */
export function methodOf(name: string): Method {
  const [serviceName = '', methodName = ''] = name.split('/')
  const service = root.lookupService(serviceName)
  const method = must(service.methods[methodName], `${name} is a method`)
  method.resolve()
  return {
    path: `/${name}`,
    request: must(method.resolvedRequestType, 'resolved'),
    response: must(method.resolvedResponseType, 'resolved'),
  }
}
