// `raftsman member …`: who the members of a store are, and changes of that. Options and output as in
// etcdctl; adding is by a learner that becomes a voter by itself unless something else is said.

import type { Command } from 'commander'
import type { Member } from '../store/core/types.js'
import { headerJson, hex, print, show } from './output.js'
import { storeFlags, type StoreFlags } from './store-access.js'
import { withStore } from './store-command.js'
import { UserError } from './user-error.js'

export function define(command: Command): void {
  command.enablePositionalOptions()
  const define = (name: string, description: string) =>
    storeFlags(command.command(name).description(description))
  define('list', 'every member, and whether it has started')
    .option('--consistency <kind>', 'l for linearizable, s for what one member knows', 'l')
    .action(list)
  define('add', 'add a member: a learner that becomes a voter by itself')
    .argument('<name>')
    .requiredOption('--peer-urls <addresses>', 'where its peers reach it, with commas between')
    .option('--learner', 'a learner until it is promoted')
    .option('--voter', 'a voter at once')
    .action(add)
  define('promote', 'make a voter of a learner').argument('<id>').action(promote)
  define('update', 'other addresses for peers')
    .argument('<id>')
    .requiredOption('--peer-urls <addresses>', 'where its peers reach it, with commas between')
    .action(update)
  define('remove', 'remove a member').argument('<id>').action(remove)
  define('replace', 'a new member in the place of another, as soon as it keeps up')
    .argument('<id>', 'the one that goes')
    .argument('<name>', 'of the new one')
    .requiredOption('--peer-urls <addresses>', 'where peers reach the new one')
    .action(replace)
}

/** Ids are hexadecimal, as etcdctl prints them. */
export function memberId(text: string): number {
  const id = /^[0-9a-fA-F]{1,14}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN
  if (!Number.isSafeInteger(id) || id < 1)
    throw new UserError(`"${text}" is not the id of a member; \`raftsman member list\` shows them.`)
  return id
}

const addressesOf = (urls: string): readonly string[] =>
  urls.split(',').map(url => url.trim().replace(/^https?:\/\//, ''))

const status = (member: Member): string =>
  member.clientAddresses.length === 0 ? 'unstarted' : 'started'

const row = (member: Member): readonly string[] => [
  hex(member.id),
  status(member),
  member.name,
  member.peerAddresses.join(','),
  member.clientAddresses.join(','),
  String(member.learner),
]

const memberJson = (member: Member): object => ({
  ID: member.id,
  name: member.name,
  peerURLs: member.peerAddresses,
  clientURLs: member.clientAddresses,
  ...(member.learner ? { isLearner: true } : {}),
})

function list(flags: StoreFlags & { readonly consistency: string }): Promise<void> {
  return withStore(flags, async store => {
    const linearizable = flags.consistency !== 's'
    const { header, members } = await store.memberListResponse({ linearizable })
    show(flags, {
      json: () => ({ header: headerJson(header), members: members.map(memberJson) }),
      simple: () => members.map(member => row(member).join(', ')),
      head: ['ID', 'STATUS', 'NAME', 'PEER ADDRS', 'CLIENT ADDRS', 'IS LEARNER'],
      rows: () => members.map(row),
    })
  })
}

interface Changed {
  readonly header: Parameters<typeof headerJson>[0]
  readonly members: readonly Member[]
  readonly member?: Member
}

function tell(flags: StoreFlags, response: Changed, lines: readonly string[]): void {
  if (flags.output !== 'json') {
    print(lines)
    return
  }
  const { header, members, member } = response
  const added = member === undefined ? {} : { member: memberJson(member) }
  print([
    JSON.stringify({ header: headerJson(header), ...added, members: members.map(memberJson) }),
  ])
}

type AddFlags = StoreFlags & {
  readonly peerUrls: string
  readonly learner?: boolean
  readonly voter?: boolean
}

function add(name: string, flags: AddFlags): Promise<void> {
  if (flags.learner === true && flags.voter === true)
    throw new UserError('--learner and --voter exclude each other.')
  const mode = flags.learner === true ? 'learner' : flags.voter === true ? 'voter' : 'promoted'
  return withStore(flags, async store => {
    const response = await store.memberAdd(
      { name, peerAddresses: addressesOf(flags.peerUrls) },
      mode,
    )
    tell(flags, response, [
      `Member ${hex(response.member.id)} added to cluster ${hex(response.header.clusterId)}`,
      '',
      startLine(response.member, response.members),
    ])
  })
}

/** What is to be run on its machine now. */
function startLine(member: Member, members: readonly Member[]): string {
  const endpoints = members.flatMap(({ clientAddresses }) => clientAddresses)
  return (
    `raftsman store --name ${member.name} --data-dir DIR --join ${endpoints.join(',')} ` +
    `--listen-peer ${member.peerAddresses[0] ?? ''} --listen-client HOST:PORT`
  )
}

function promote(id: string, flags: StoreFlags): Promise<void> {
  return withStore(flags, async store => {
    const response = await store.memberPromote(memberId(id))
    tell(flags, response, [`Member ${id} promoted in cluster ${hex(response.header.clusterId)}`])
  })
}

function update(id: string, flags: StoreFlags & { readonly peerUrls: string }): Promise<void> {
  return withStore(flags, async store => {
    const told = { name: '', peerAddresses: addressesOf(flags.peerUrls) }
    const response = await store.memberUpdate(memberId(id), told)
    tell(flags, response, [`Member ${id} updated in cluster ${hex(response.header.clusterId)}`])
  })
}

function remove(id: string, flags: StoreFlags): Promise<void> {
  return withStore(flags, async store => {
    const response = await store.memberRemove(memberId(id))
    tell(flags, response, [`Member ${id} removed from cluster ${hex(response.header.clusterId)}`])
  })
}

function replace(
  id: string,
  name: string,
  flags: StoreFlags & { readonly peerUrls: string },
): Promise<void> {
  return withStore(flags, async store => {
    const told = { name, peerAddresses: addressesOf(flags.peerUrls) }
    const response = await store.memberReplace(memberId(id), told)
    tell(flags, response, [
      `Member ${hex(response.member.id)} takes the place of ${id} as soon as it keeps up`,
      '',
      startLine(response.member, response.members),
    ])
  })
}
