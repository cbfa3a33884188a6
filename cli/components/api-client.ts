// How components reach the API: every API server is known, the first is preferred.

import type { Command } from 'commander'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { HttpTransport } from '../../orchestrator/client/http-transport.js'
import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { TlsFiles } from '../../platform/network.js'
import { UserError } from '../user-error.js'
import { version } from '../version.js'

export function apiserverFlag(command: Command): Command {
  return command.requiredOption(
    '--apiserver <urls>',
    'API servers with commas between, the nearest first',
  )
}

export function openTransport(
  apiserver: string,
  identity: TlsFiles,
  component: string,
  parts: { readonly clock: Clock; readonly logger: Logger },
): HttpTransport {
  const servers = apiserver.split(',').map(server => server.trim())
  for (const server of servers) {
    if (!/^https:\/\/[^/]+$/.test(server)) {
      throw new UserError(`"${server}" is not an API server: write https://host:port.`)
    }
  }
  return new HttpTransport({
    servers,
    tls: {
      ca: readFileSync(identity.caFile, 'utf8'),
      cert: readFileSync(identity.certFile, 'utf8'),
      key: readFileSync(identity.keyFile, 'utf8'),
    },
    userAgent: `raftsman-${component}/${version}`,
    clock: parts.clock,
    logger: parts.logger,
  })
}

/** Another one after every start: a lease held by a former life is not ours. */
export const newIdentity = (name: string): string => `${name}_${randomBytes(4).toString('hex')}`
