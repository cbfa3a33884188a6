// A client of the cluster's API for commands on the same machine, with the operator's certificate.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApiClient } from '../orchestrator/client/rest-client.js'
import { HttpTransport } from '../orchestrator/client/http-transport.js'
import type { Clock } from '../platform/clock.js'
import { silentLogger } from '../platform/logger.js'
import { type ClusterPlan, type Layout } from './cluster/layout.js'
import { UserError } from './user-error.js'
import { version } from './version.js'

/** Prefers the API servers themselves over the balancer, which lives in the supervisor. */
export function openApi(
  layout: Layout,
  plan: ClusterPlan,
  clock: Clock,
): { api: ApiClient; close(): void } {
  const file = (name: string): string => {
    const path = join(layout.pki, name)
    if (!existsSync(path)) throw new UserError(`${path} is missing; \`raftsman up\` makes it.`)
    return readFileSync(path, 'utf8')
  }
  const transport = new HttpTransport({
    servers: plan.masters.map(({ apiserver }) => `https://${apiserver}`),
    tls: { ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') },
    userAgent: `raftsman/${version}`,
    clock,
    logger: silentLogger,
  })
  return { api: new ApiClient({ transport }), close: () => transport.close() }
}
