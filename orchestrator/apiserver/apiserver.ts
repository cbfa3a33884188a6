// One API server on a port: the core of it behind HTTP, with the certificates and keys that files hold.
// Counterpart: cmd/kube-apiserver. It never ends the process.

import { readFileSync } from 'node:fs'
import type { TlsFiles } from '../../platform/network.js'
import type { ApiserverCoreLimits, ApiserverCoreOptions } from './apiserver-core.js'
import { startApiserverCore } from './apiserver-core.js'
import { defaultServerLimits, startServer } from './server.js'
import type { ServerLimits } from './server.js'
import { tokenSigner } from './service-account-tokens.js'

interface ApiserverLimits extends ApiserverCoreLimits, ServerLimits {}

type FromFiles = 'serverAddress' | 'caPem' | 'proxyCaPem' | 'signer' | 'limits'

export interface ApiserverOptions extends Omit<ApiserverCoreOptions, FromFiles> {
  /** Of this master, in logs. */
  readonly name: string
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly tls: TlsFiles
  /** host:port under which other machines and pods reach this server; null: host and port. */
  readonly advertise: string | null
  /** PEM file of the private key for service account tokens, one for all masters; null: none. */
  readonly serviceAccountKeyFile?: string | null
  readonly limits?: Partial<ApiserverLimits>
}

export interface Apiserver {
  readonly port: number
  /** Resolves once the cluster's own objects are there, as /readyz reports. */
  ready(): Promise<void>
  /** Ends watches, lets requests finish for a moment, closes. The store stays open. */
  close(): Promise<void>
}

/** Rejects when the certificates cannot be read or the address not be bound. */
export async function startApiserver(options: ApiserverOptions): Promise<Apiserver> {
  const { host, port, tls, advertise, clock, logger } = options
  const proxyClient = options.proxyClient ?? null
  const keyFile = options.serviceAccountKeyFile ?? null
  const core = startApiserverCore({
    ...options,
    serverAddress: advertise ?? `${host}:${port}`,
    caPem: readFileSync(tls.caFile, 'utf8'),
    proxyCaPem: proxyClient === null ? null : readFileSync(proxyClient.caFile, 'utf8'),
    signer: keyFile === null ? null : tokenSigner(readFileSync(keyFile, 'utf8')),
  })
  const { pipeline } = core
  const limits = { ...defaultServerLimits, ...options.limits }
  const server = await startServer({ host, port, tls, pipeline, limits, clock, logger })
  // Known once the port is, which may be any free one.
  core.serve(advertise ?? `${host}:${server.port}`)
  return {
    port: server.port,
    ready: () => core.ready(),
    close: () => core.close(() => server.close()),
  }
}
