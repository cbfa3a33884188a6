// The cloud controllers of one master, with the provider that is built in or one that a user brings.

import type { Command } from 'commander'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { OpenProvider } from '../../orchestrator/cloud/provider.js'
import { startCloudControllers } from '../../orchestrator/cloud/start-cloud-controllers.js'
import { UserError } from '../user-error.js'
import { newIdentity, openTransport } from './api-client.js'
import { type ComponentParts, requiredTls, type Running } from './component.js'
import { addressOf, fatalWith, type LoopFlags, together } from './control-loops.js'
import { openLocal } from './local-cloud.js'
import { startLoopServer } from './loop-server.js'

export interface CloudFlags extends LoopFlags {
  readonly cloudConfig: string
  readonly cloudProvider: string
}

export const cloudFlags = (command: Command): Command =>
  command
    .option('--cloud-config <file>', 'of the cloud; without it there is none')
    .option(
      '--cloud-provider <provider>',
      'local, or a module whose default export opens another cloud',
      'local',
    )

/** `prefix` names the flags of the identity: '' or 'cloudControllerManager'; `listen` is of the port, if any. */
export async function runCloudControllers(
  flags: CloudFlags,
  prefix: string,
  listen: string | undefined,
  parts: ComponentParts,
): Promise<Running> {
  const open = await providerOf(flags, parts)
  const tls = requiredTls(flags, prefix)
  const address = addressOf(listen)
  const transport = openTransport(flags.apiserver, tls, 'cloud-controller-manager', parts)
  const { clock, random, logger, metrics } = parts
  const running = startCloudControllers({
    transport,
    identity: newIdentity(flags.name),
    servingUrl: address?.url ?? undefined,
    clock,
    random,
    logger,
    metrics,
    provider: services => open({ configFile: flags.cloudConfig, services, clock, random, logger }),
    onFatal: fatalWith(parts),
  })
  const server = address && (await startLoopServer(flags, address, { ...parts, transport }))
  return together(transport, running, server)
}

async function providerOf(
  { cloudProvider, cloudConfig }: CloudFlags,
  parts: ComponentParts,
): Promise<OpenProvider> {
  if (!existsSync(cloudConfig)) {
    throw new UserError(`${cloudConfig} is not there: --cloud-config names it.`)
  }
  return cloudProvider === 'local' ? await openLocal(cloudConfig, parts) : await load(cloudProvider)
}

async function load(file: string): Promise<OpenProvider> {
  let loaded: { readonly default?: unknown }
  try {
    loaded = (await import(pathToFileURL(resolve(file)).href)) as typeof loaded
  } catch (error) {
    throw new UserError(`The cloud provider cannot be loaded: ${String(error)}.`)
  }
  if (typeof loaded.default !== 'function') {
    throw new UserError(`${file} has no default export that opens a cloud: see docs/cloud.md.`)
  }
  return loaded.default as OpenProvider
}
