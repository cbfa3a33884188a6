// `raftsman kubectl …`: the kubectl on PATH with the cluster's kubeconfig.

import type { Command } from 'commander'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { Layout } from './cluster/layout.js'
import { UserError } from './user-error.js'

export function define(command: Command): void {
  command
    .option('--data-dir <folder>', 'data, certificates and logs', '.raftsman')
    .argument('[args...]', 'what kubectl takes')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(kubectl)
}

function kubectl(args: readonly string[], flags: { readonly dataDir: string }): void {
  const layout = new Layout(flags.dataDir)
  if (!existsSync(layout.kubeconfig)) {
    throw new UserError(`There is no cluster in ${layout.directory}; \`raftsman up\` makes one.`)
  }
  const result = spawnSync('kubectl', args, {
    stdio: 'inherit',
    env: { ...process.env, KUBECONFIG: layout.kubeconfig },
  })
  if (result.error !== undefined) {
    throw new UserError(
      `kubectl cannot be started (${result.error.message}). Install it, and have it on PATH.`,
    )
  }
  process.exit(result.status ?? 1)
}
