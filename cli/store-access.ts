// A client of the store for commands: of the local cluster by its data directory, or of any other
// by endpoints and certificates, with the flags of etcdctl.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { silentLogger } from '../platform/logger.js'
import type { TlsFiles } from '../platform/network.js'
import { nodeClock } from '../platform/node/clock.js'
import { nodeNetwork } from '../platform/node/network.js'
import { nodeRandom } from '../platform/node/random.js'
import type { Credentials } from '../store/client/login.js'
import { MemberLink } from '../store/client/member-link.js'
import { StoreClient } from '../store/client/store-client.js'
import { type ClusterPlan, Layout } from './cluster/layout.js'
import { rememberedPlan } from './cluster/members.js'
import { askPassword } from './password.js'
import { UserError } from './user-error.js'

export interface StoreFlags {
  readonly dataDir: string
  readonly endpoints?: string
  readonly cert?: string
  readonly key?: string
  readonly cacert?: string
  /** As whom: a name, or name:password. */
  readonly user?: string
  /** False where a command has a `--no-password` of another meaning. */
  readonly password?: string | false
  readonly commandTimeout: number
  readonly output: 'simple' | 'json' | 'table'
}

const outputs = ['simple', 'json', 'table']

function seconds(text: string): number {
  const value = Number(text.replace(/s$/, ''))
  if (!(value > 0)) throw new UserError(`--command-timeout takes seconds, as in 5s, not "${text}".`)
  return value
}

export function storeFlags(command: Command): Command {
  return command
    .option('--data-dir <folder>', 'of the local cluster', '.raftsman')
    .option('--endpoints <addresses>', 'of another cluster: host:port, with commas between')
    .option('--cert <file>', 'client certificate for --endpoints')
    .option('--key <file>', 'its key')
    .option('--cacert <file>', 'authority of the members')
    .option('--user <name[:password]>', 'as this user; asks for the password if there is none')
    .option('--password <password>', 'of the user')
    .option('--command-timeout <seconds>', 'give up after', seconds, 10)
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(outputs).default('simple'),
    )
    .addOption(
      new Option('-w, --write-out <format>', 'the same, as etcdctl calls it').choices(outputs),
    )
    .hook('preAction', (_above, command) => {
      const { writeOut } = command.opts<{ readonly writeOut?: string }>()
      if (writeOut !== undefined) command.setOptionValue('output', writeOut)
    })
}

function open(
  endpoints: readonly string[],
  tls: TlsFiles | null,
  timeoutSeconds: number,
  credentials: Credentials | null = null,
): StoreClient {
  return new StoreClient({
    endpoints,
    tls,
    ...(credentials === null ? {} : { credentials }),
    clock: nodeClock(),
    random: nodeRandom(),
    network: nodeNetwork(silentLogger),
    logger: silentLogger,
    requestTimeoutMs: timeoutSeconds * 1000,
    clientName: 'raftsman',
  })
}

function localTls(layout: Layout, plan: ClusterPlan): TlsFiles | null {
  if (!plan.options.storeTls) return null
  const files = {
    certFile: join(layout.pki, 'store-admin.crt'),
    keyFile: join(layout.pki, 'store-admin.key'),
    caFile: join(layout.pki, 'store-ca.crt'),
  }
  for (const file of Object.values(files)) {
    if (!existsSync(file)) throw new UserError(`${file} is missing; \`raftsman up\` makes it.`)
  }
  return files
}

/** Null: whoever the certificate says, or nobody. */
async function credentialsOf({ user, password }: StoreFlags): Promise<Credentials | null> {
  if (user === undefined) {
    if (typeof password !== 'string') return null
    throw new UserError('--password goes with --user.')
  }
  const colon = user.indexOf(':')
  const name = colon < 0 ? user : user.slice(0, colon)
  if (name === '') throw new UserError('--user takes a name, or name:password.')
  if (colon < 0) {
    const given = typeof password === 'string' ? password : await askPassword('Password: ')
    return { user: name, password: given }
  }
  if (typeof password === 'string') throw new UserError('There are two passwords; give one.')
  return { user: name, password: user.slice(colon + 1) }
}

/** Where and as whom: the local cluster, or the one that is named. */
export interface StoreTarget {
  readonly endpoints: readonly string[]
  readonly tls: TlsFiles | null
  readonly credentials: Credentials | null
}

export async function targetOf(flags: StoreFlags): Promise<StoreTarget> {
  const credentials = await credentialsOf(flags)
  if (flags.endpoints === undefined) {
    const layout = new Layout(flags.dataDir)
    const plan = rememberedPlan(layout)
    const endpoints = plan.masters.map(({ storeClient }) => storeClient)
    return { endpoints, tls: localTls(layout, plan), credentials }
  }
  const { cert, key, cacert } = flags
  const given = [cert, key, cacert].filter(file => file !== undefined).length
  if (given !== 0 && given !== 3) throw new UserError('--cert, --key and --cacert go together.')
  const tls =
    cert === undefined || key === undefined || cacert === undefined
      ? null
      : { certFile: cert, keyFile: key, caFile: cacert }
  const endpoints = flags.endpoints.split(',').map(text => text.replace(/^https?:\/\//, ''))
  return { endpoints, tls, credentials }
}

export async function openStore(flags: StoreFlags): Promise<StoreClient> {
  const { endpoints, tls, credentials } = await targetOf(flags)
  return open(endpoints, tls, flags.commandTimeout, credentials)
}

/** One member, asked for itself: nothing is asked of another in its place. */
export function linkTo(address: string, target: StoreTarget, flags: StoreFlags): MemberLink {
  return new MemberLink({
    address,
    tls: target.tls,
    clock: nodeClock(),
    network: nodeNetwork(silentLogger),
    clientName: 'raftsman',
    credentials: target.credentials ?? undefined,
    requestTimeoutMs: flags.commandTimeout * 1000,
  })
}

/** One member of the local cluster, asked for itself. */
export function openMember(layout: Layout, plan: ClusterPlan, address: string): StoreClient {
  return open([address], localTls(layout, plan), 2)
}
