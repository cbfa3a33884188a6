// The provider that is built in, over the files and commands of this machine.

import { readFile } from 'node:fs/promises'
import {
  LocalConfigError,
  parseLocalConfig,
} from '../../orchestrator/cloud/providers/local/local-config.js'
import { localProvider } from '../../orchestrator/cloud/providers/local/local-provider.js'
import type { OpenProvider } from '../../orchestrator/cloud/provider.js'
import { nodeProcesses } from '../../platform/node/processes.js'
import { runCommand } from '../../platform/run-command.js'
import { UserError } from '../user-error.js'
import type { ComponentParts } from './component.js'

/** Where `ip` is. */
const searchPath = '/usr/sbin:/usr/bin:/sbin:/bin'
const ipMs = 10_000
const ipBytesMax = 16 * 1024 * 1024

/** What is wrong with the file at the start is said at once; what goes wrong later is tried again. */
export async function openLocal(file: string, parts: ComponentParts): Promise<OpenProvider> {
  try {
    parseLocalConfig((await readConfig(file)) ?? '')
  } catch (error) {
    if (!(error instanceof LocalConfigError)) throw error
    throw new UserError(`${file}: ${error.message}.`)
  }
  return ({ configFile, ...context }) =>
    localProvider({
      ...context,
      readConfig: () => readConfig(configFile),
      ip: args => ip(args, parts),
    })
}

async function readConfig(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function ip(args: readonly string[], { clock }: ComponentParts): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(nodeProcesses(), clock, {
    command: 'ip',
    args,
    searchPath,
    timeoutMs: ipMs,
    outputBytesMax: ipBytesMax,
  })
  if (exitCode !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`)
  return stdout
}
