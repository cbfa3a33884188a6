// The port of a scheduler or controller manager: health for everybody, metrics for who may read them. Without a
// flag that says where, there is none.

import type { Command } from 'commander'
import { ApiClient } from '../../orchestrator/client/rest-client.js'
import type { ApiTransport } from '../../orchestrator/client/transport.js'
import { DelegatedAccess } from '../../orchestrator/serving/access.js'
import {
  type Question,
  type Reply,
  type SecureServer,
  startSecureServer,
} from '../../orchestrator/serving/secure-server.js'
import { UserError } from '../user-error.js'
import { type ComponentParts, requiredTls, tlsFlags } from './component.js'

/** `prefix` as in "scheduler-", or '' where there is one port. */
export function listenFlag(command: Command, prefix: string): Command {
  return command.option(
    `--${prefix}listen <address>`,
    'for health and metrics, as in 127.0.0.1:10259; without it there is no port',
  )
}

export const servingTlsFlags = (command: Command): Command =>
  tlsFlags(command, 'serving-', 'of the port for health and metrics')

export interface ListenAddress {
  readonly host: string
  readonly port: number
  /** For others; null where the host is none that they could use. */
  readonly url: string | null
}

const wildcards = new Set(['0.0.0.0', '[::]'])

export function listenAddress(text: string): ListenAddress {
  const match = /^(.+):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port < 1 || port > 65_535) {
    throw new UserError(`"${text}" is not an address: write host:port.`)
  }
  const host = match[1] ?? ''
  return {
    host: host.replaceAll(/^\[|\]$/g, ''),
    port,
    url: wildcards.has(host) ? null : `https://${host}:${port}`,
  }
}

export interface LoopServerParts extends ComponentParts {
  /** With the identity of the component, which may ask who may do what. */
  readonly transport: ApiTransport
  readonly routes?: ReadonlyMap<string, (question: Question) => Promise<Reply>>
}

export function startLoopServer(
  flags: object,
  address: ListenAddress,
  { transport, clock, logger, metrics, routes }: LoopServerParts,
): Promise<SecureServer> {
  return startSecureServer({
    ...address,
    tls: requiredTls(flags, 'serving'),
    logger,
    access: new DelegatedAccess(new ApiClient({ transport }), clock),
    health: () => null,
    metricsText: async () => ({ text: await metrics.text(), contentType: metrics.contentType }),
    ...(routes === undefined ? {} : { routes }),
  })
}
