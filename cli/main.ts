#!/usr/bin/env node
// The `raftsman` command. One file a subcommand, loaded only when it is asked for: a component's
// start is part of every recovery, and what is not loaded costs no memory.

import { constants } from 'node:os'
import { Command, CommanderError } from 'commander'
import { RaftsmanError } from '../platform/errors.js'
import { UserError } from './user-error.js'
import { version } from './version.js'

interface Subcommand {
  readonly summary: string
  readonly load: () => Promise<{ define(command: Command): void }>
}

const subcommands: ReadonlyMap<string, Subcommand> = new Map([
  [
    'up',
    {
      summary: 'bring a highly available cluster up on this machine',
      load: () => import('./up.js'),
    },
  ],
  [
    'down',
    { summary: 'stop the cluster; data stays unless --purge', load: () => import('./down.js') },
  ],
  ['status', { summary: 'masters, nodes and their processes', load: () => import('./status.js') }],
  ['stop', { summary: 'stop one master or node of the cluster', load: () => import('./stop.js') }],
  ['start', { summary: 'start a stopped master or node again', load: () => import('./start.js') }],
  ['kubectl', { summary: 'run kubectl against the cluster', load: () => import('./kubectl.js') }],
  [
    'kv',
    { summary: 'get, put, del, txn, watch, compact in the store', load: () => import('./kv.js') },
  ],
  [
    'alarm',
    { summary: 'what is wrong with the store: list, disarm', load: () => import('./alarm.js') },
  ],
  [
    'auth',
    {
      summary: 'whether users of the store count: enable, disable',
      load: () => import('./auth.js'),
    },
  ],
  ['user', { summary: 'who may use the store', load: () => import('./user.js') }],
  ['role', { summary: 'what users of the store may do', load: () => import('./role.js') }],
  [
    'member',
    {
      summary: 'members of the store: list, add, promote, update, remove, replace',
      load: () => import('./member.js'),
    },
  ],
  [
    'endpoint',
    {
      summary: 'members asked one by one: status, health, hashkv',
      load: () => import('./endpoint.js'),
    },
  ],
  [
    'snapshot',
    {
      summary: 'snapshots of the store: save, status, restore',
      load: () => import('./snapshot.js'),
    },
  ],
  [
    'lease',
    {
      summary: 'leases of the store: grant, revoke, timetolive, list, keep-alive',
      load: () => import('./lease.js'),
    },
  ],
  [
    'move-leader',
    {
      summary: 'hand leadership of the store to another member',
      load: () => import('./move-leader.js'),
    },
  ],
  [
    'diff',
    { summary: 'what changed between two moments, and by whom', load: () => import('./diff.js') },
  ],
  [
    'explain',
    { summary: 'why a pod is where it is, or nowhere', load: () => import('./explain.js') },
  ],
  [
    'what-if',
    {
      summary: 'where pods would go if there were others, or nodes came or went',
      load: () => import('./what-if.js'),
    },
  ],
  [
    'bench',
    {
      summary: 'what the store does in a second, side by side with etcd',
      load: () => import('./bench.js'),
    },
  ],
  [
    'chaos',
    { summary: 'failures on purpose: simulate, run, mutants', load: () => import('./chaos.js') },
  ],
  ['wal', { summary: "look into a member's log: dump, verify", load: () => import('./wal.js') }],
  ['store', { summary: 'run one store member', load: () => import('./components/store.js') }],
  ['apiserver', { summary: 'run one API server', load: () => import('./components/apiserver.js') }],
  [
    'controllers',
    {
      summary: 'run scheduler and controllers in one process',
      load: () => import('./components/controllers.js'),
    },
  ],
  [
    'controller-manager',
    {
      summary: 'run the controllers alone',
      load: () => import('./components/controller-manager.js'),
    },
  ],
  [
    'scheduler',
    { summary: 'run the scheduler alone', load: () => import('./components/scheduler.js') },
  ],
  [
    'dns',
    { summary: 'answer the names of the cluster', load: () => import('./components/dns.js') },
  ],
  [
    'cloud-controller-manager',
    {
      summary: 'run the cloud controllers alone',
      load: () => import('./components/cloud-controller-manager.js'),
    },
  ],
  [
    'node',
    { summary: 'run one node: kubelet and proxy', load: () => import('./components/node.js') },
  ],
])

function program(): Command {
  const root = new Command('raftsman')
    .description(
      'A Kubernetes-compatible control plane that keeps its state in its own Raft store.',
    )
    .version(version, '-V, --version', 'print the version')
    .showHelpAfterError('(add --help for what there is)')
    .enablePositionalOptions()
  for (const [name, { summary }] of subcommands) root.command(name).description(summary)
  return root
}

async function main(argv: readonly string[]): Promise<void> {
  const root = program()
  const subcommand = subcommands.get(argv[2] ?? '')
  if (argv[2] !== undefined && subcommand !== undefined) {
    const command = root.commands.find(candidate => candidate.name() === argv[2])
    if (command !== undefined) (await subcommand.load()).define(command)
  }
  root.exitOverride()
  for (const command of root.commands) command.exitOverride()
  await root.parseAsync(argv)
}

function fail(error: unknown): never {
  if (error instanceof CommanderError) process.exit(error.exitCode)
  if (error instanceof UserError) {
    process.stderr.write(`raftsman: ${error.message}\n`)
    process.exit(error.exitCode)
  }
  if (error instanceof RaftsmanError) {
    process.stderr.write(`raftsman: ${error.message} (${error.code})\n`)
    process.exit(1)
  }
  process.stderr.write(`raftsman: ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}

// `raftsman diff | head` ends as it would for any tool: who reads has gone, and nothing more is said.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE)
  fail(error)
})

main(process.argv).catch(fail)
