// The scheduler and the controllers of one master. In one process for `raftsman controllers`, each
// with a leader election of its own, so that the two may be led from different masters.

import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { tokenSigner } from '../../orchestrator/apiserver/service-account-tokens.js'
import type { HttpTransport } from '../../orchestrator/client/http-transport.js'
import type { CertificateSigner } from '../../orchestrator/controllers/certificates/certificate-signer.js'
import type { AccountTokenSigner } from '../../orchestrator/controllers/serviceaccounttokens/controller.js'
import { startControllers } from '../../orchestrator/controllers/start-controllers.js'
import {
  parseConfiguration,
  type SchedulerConfiguration,
} from '../../orchestrator/scheduler/core/config/configuration.js'
import { ConfigurationError } from '../../orchestrator/scheduler/core/config/value-reader.js'
import { schedulerRoutes } from '../../orchestrator/scheduler/routes.js'
import { startScheduler } from '../../orchestrator/scheduler/start-scheduler.js'
import type { SecureServer } from '../../orchestrator/serving/secure-server.js'
import { openCertificateSigner } from '../pki/certificate-signer.js'
import { UserError } from '../user-error.js'
import { apiserverFlag, newIdentity, openTransport } from './api-client.js'
import {
  type ComponentFlags,
  type ComponentParts,
  componentFlags,
  requiredTls,
  type Running,
} from './component.js'
import { type ListenAddress, listenAddress, startLoopServer } from './loop-server.js'

export interface LoopFlags extends ComponentFlags {
  readonly apiserver: string
}

export interface ControllerFlags extends LoopFlags {
  readonly clusterCidr: string
  readonly serviceAccountPrivateKeyFile?: string
  readonly clusterSigningCertFile?: string
  readonly clusterSigningKeyFile?: string
  readonly schedulerConfig?: SchedulerConfiguration
}

export interface SchedulerFlags extends LoopFlags {
  readonly config?: SchedulerConfiguration
}

export const loopFlags = (command: Command): Command => apiserverFlag(componentFlags(command))

export const controllerFlags = (command: Command): Command =>
  command
    .option('--cluster-cidr <cidr>', 'pod addresses, given out to nodes', '10.244.0.0/16')
    .option('--service-account-private-key-file <file>', 'signs the tokens that Secrets hold, PEM')
    .option('--cluster-signing-cert-file <file>', 'authority that signs what is approved, PEM')
    .option('--cluster-signing-key-file <file>', 'its key, PEM; without both nothing is signed')

/** `prefix` is '' or 'scheduler-'. */
export const schedulerConfigFlag = (command: Command, prefix: string): Command =>
  command.option(
    `--${prefix}config <file>`,
    'profiles of the scheduler: a KubeSchedulerConfiguration, YAML',
    readSchedulerConfiguration,
  )

function readSchedulerConfiguration(file: string): SchedulerConfiguration {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UserError(`The configuration of the scheduler cannot be read: ${String(error)}.`)
  }
  try {
    return parseConfiguration(text)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    throw new UserError(`${file}: ${error.message}.`)
  }
}

export const fatalWith = (parts: ComponentParts) => (error: unknown) =>
  parts.fatal(error instanceof Error ? error : new Error(String(error)))

/** What runs says its last words before the connection closes. */
export const together = (
  transport: HttpTransport,
  running: Running,
  server: SecureServer | null,
): Running => ({
  async stop() {
    await running.stop()
    await server?.close()
    transport.close()
  },
})

export const addressOf = (listen: string | undefined): ListenAddress | null =>
  listen === undefined ? null : listenAddress(listen)

function accountTokenSignerOf(flags: ControllerFlags): AccountTokenSigner | undefined {
  const { serviceAccountPrivateKeyFile: file } = flags
  return file === undefined ? undefined : tokenSigner(readFileSync(file, 'utf8'))
}

async function certificateSignerOf(flags: ControllerFlags): Promise<CertificateSigner | undefined> {
  const { clusterSigningCertFile: certFile, clusterSigningKeyFile: keyFile } = flags
  if (certFile === undefined && keyFile === undefined) return undefined
  if (certFile === undefined || keyFile === undefined) {
    throw new UserError('--cluster-signing-cert-file and --cluster-signing-key-file go together.')
  }
  return openCertificateSigner({ certFile, keyFile })
}

/** `prefix` names the flags of the identity: '' or 'controllerManager'; `listen` is of the port, if any. */
export async function runControllers(
  flags: ControllerFlags,
  prefix: string,
  listen: string | undefined,
  parts: ComponentParts,
): Promise<Running> {
  const tls = requiredTls(flags, prefix)
  const address = addressOf(listen)
  const transport = openTransport(flags.apiserver, tls, 'controller-manager', parts)
  const { clock, random, logger, metrics } = parts
  const server = address && (await startLoopServer(flags, address, { ...parts, transport }))
  const running = await startControllers({
    transport,
    identity: newIdentity(flags.name),
    servingUrl: address?.url ?? undefined,
    clock,
    random,
    logger,
    metrics,
    rootCa: readFileSync(tls.caFile, 'utf8'),
    accountTokenSigner: accountTokenSignerOf(flags),
    certificateSigner: await certificateSignerOf(flags),
    clusterCidr: flags.clusterCidr,
    onFatal: fatalWith(parts),
  })
  return together(transport, running, server)
}

/** `prefix` names the flags of the identity: '' or 'scheduler'; `listen` is of the port, if any. */
export async function runScheduler(
  flags: LoopFlags,
  prefix: string,
  listen: string | undefined,
  configuration: SchedulerConfiguration | undefined,
  parts: ComponentParts,
): Promise<Running> {
  const address = addressOf(listen)
  const transport = openTransport(flags.apiserver, requiredTls(flags, prefix), 'scheduler', parts)
  const { clock, random, logger, metrics } = parts
  const running = await startScheduler({
    transport,
    identity: newIdentity(flags.name),
    servingUrl: address?.url ?? undefined,
    clock,
    random,
    logger,
    metrics,
    onFatal: fatalWith(parts),
    ...(configuration === undefined ? {} : { configuration }),
  })
  const routes = schedulerRoutes(running)
  const server = address && (await startLoopServer(flags, address, { ...parts, transport, routes }))
  return together(transport, running, server)
}
