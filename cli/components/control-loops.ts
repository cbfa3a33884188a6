// The scheduler and the controllers of one master. In one process for `raftsman controllers`, each
// with a leader election of its own, so that the two may be led from different masters.

import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import type { HttpTransport } from '../../orchestrator/client/http-transport.js'
import type { CertificateSigner } from '../../orchestrator/controllers/certificates/certificate-signer.js'
import { startControllers } from '../../orchestrator/controllers/start-controllers.js'
import { startScheduler } from '../../orchestrator/scheduler/start-scheduler.js'
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

export interface LoopFlags extends ComponentFlags {
  readonly apiserver: string
}

export interface ControllerFlags extends LoopFlags {
  readonly clusterCidr: string
  readonly clusterSigningCertFile?: string
  readonly clusterSigningKeyFile?: string
}

export const loopFlags = (command: Command): Command => apiserverFlag(componentFlags(command))

export const controllerFlags = (command: Command): Command =>
  command
    .option('--cluster-cidr <cidr>', 'pod addresses, given out to nodes', '10.244.0.0/16')
    .option('--cluster-signing-cert-file <file>', 'authority that signs what is approved, PEM')
    .option('--cluster-signing-key-file <file>', 'its key, PEM; without both nothing is signed')

const fatalWith = (parts: ComponentParts) => (error: unknown) =>
  parts.fatal(error instanceof Error ? error : new Error(String(error)))

/** What runs says its last words before the connection closes. */
const overTransport = (transport: HttpTransport, running: Running): Running => ({
  async stop() {
    await running.stop()
    transport.close()
  },
})

async function certificateSignerOf(flags: ControllerFlags): Promise<CertificateSigner | undefined> {
  const { clusterSigningCertFile: certFile, clusterSigningKeyFile: keyFile } = flags
  if (certFile === undefined && keyFile === undefined) return undefined
  if (certFile === undefined || keyFile === undefined) {
    throw new UserError('--cluster-signing-cert-file and --cluster-signing-key-file go together.')
  }
  return openCertificateSigner({ certFile, keyFile })
}

/** `prefix` names the flags of the identity: '' or 'controllerManager'. */
export async function runControllers(
  flags: ControllerFlags,
  prefix: string,
  parts: ComponentParts,
): Promise<Running> {
  const tls = requiredTls(flags, prefix)
  const transport = openTransport(flags.apiserver, tls, 'controller-manager', parts)
  const { clock, random, logger, metrics } = parts
  const running = await startControllers({
    transport,
    identity: newIdentity(flags.name),
    clock,
    random,
    logger,
    metrics,
    rootCa: readFileSync(tls.caFile, 'utf8'),
    certificateSigner: await certificateSignerOf(flags),
    clusterCidr: flags.clusterCidr,
    onFatal: fatalWith(parts),
  })
  return overTransport(transport, running)
}

/** `prefix` names the flags of the identity: '' or 'scheduler'. */
export async function runScheduler(
  flags: LoopFlags,
  prefix: string,
  parts: ComponentParts,
): Promise<Running> {
  const transport = openTransport(flags.apiserver, requiredTls(flags, prefix), 'scheduler', parts)
  const { clock, random, logger, metrics } = parts
  const running = await startScheduler({
    transport,
    identity: newIdentity(flags.name),
    clock,
    random,
    logger,
    metrics,
    onFatal: fatalWith(parts),
  })
  return overTransport(transport, running)
}
