// `raftsman kv …`: the store's key-value calls over the native protocol, options as in etcdctl.

import { type Command, Option } from 'commander'
import { readFileSync } from 'node:fs'
import type { RangeRequest } from '../store/core/types.js'
import type { Store } from '../store/client/types.js'
import { keyRange, parseTxn } from './kv/arguments.js'
import {
  batchJson,
  batchLines,
  headerOnlyJson,
  rangeJson,
  rangeLines,
  txnJson,
  txnLines,
} from './kv/print.js'
import { storeFlags, type StoreFlags } from './store-access.js'
import { output, withStore } from './store-command.js'
import { UserError } from './user-error.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function wholeNumber(flag: string): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new UserError(`${flag} takes a whole number, not "${text}".`)
    }
    return value
  }
}

export function define(command: Command): void {
  command.enablePositionalOptions()
  defineGet(
    storeFlags(command.command('get').description('the value of a key, or of a range of keys')),
  )
  definePut(
    storeFlags(
      command.command('put').description('write a key; without a value it is read from stdin'),
    ),
  )
  defineDelete(
    storeFlags(command.command('del').description('delete a key or a range; prints how many')),
  )
  defineTxn(storeFlags(command.command('txn').description('a transaction, read from stdin')))
  defineWatch(
    storeFlags(command.command('watch').description('changes as they happen, until Ctrl-C')),
  )
  defineCompact(
    storeFlags(command.command('compact').description('forget history before a revision')),
  )
}

type GetFlags = StoreFlags & {
  readonly prefix?: boolean
  readonly fromKey?: boolean
  readonly limit?: number
  readonly rev?: number
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
  readonly printValueOnly?: boolean
  readonly consistency: 'l' | 's'
  readonly order?: 'ascend' | 'descend'
  readonly sortBy?: 'key' | 'version' | 'create' | 'mod' | 'value'
}

function defineGet(command: Command): void {
  command
    .argument('<key>')
    .argument('[range-end]', 'keys from <key> up to, not including, this one')
    .option('--prefix', 'all keys that start with <key>')
    .option('--from-key', 'all keys from <key> on')
    .option('--limit <count>', 'at most so many', wholeNumber('--limit'))
    .option('--rev <revision>', 'as it was at a revision', wholeNumber('--rev'))
    .option('--keys-only', 'no values')
    .option('--count-only', 'only how many there are')
    .option('--print-value-only', 'no keys')
    .addOption(
      new Option('--consistency <kind>', 'linearizable or serializable')
        .choices(['l', 's'])
        .default('l'),
    )
    .addOption(new Option('--order <order>', 'order of the answer').choices(['ascend', 'descend']))
    .addOption(
      new Option('--sort-by <target>', 'what is ordered by').choices([
        'key',
        'version',
        'create',
        'mod',
        'value',
      ]),
    )
    .action((key: string, end: string | undefined, flags: GetFlags) =>
      withStore(flags, store => get(store, key, end, flags)),
    )
}

async function get(
  store: Store,
  key: string,
  end: string | undefined,
  flags: GetFlags,
): Promise<void> {
  const sorted = flags.order !== undefined || flags.sortBy !== undefined
  const request: RangeRequest = {
    ...keyRange(key, end, flags),
    ...(flags.limit === undefined ? {} : { limit: flags.limit }),
    ...(flags.rev === undefined ? {} : { revision: flags.rev }),
    ...(sorted ? { sortOrder: flags.order ?? 'ascend', sortTarget: flags.sortBy ?? 'key' } : {}),
    serializable: flags.consistency === 's',
    keysOnly: flags.keysOnly === true,
    countOnly: flags.countOnly === true,
  }
  const response = await store.range(request)
  output(
    flags,
    () => rangeJson(response),
    () =>
      rangeLines(response, {
        keysOnly: flags.keysOnly === true,
        countOnly: flags.countOnly === true,
        valueOnly: flags.printValueOnly === true,
      }),
  )
}

type PutFlags = StoreFlags & {
  readonly lease?: number
  readonly ignoreValue?: boolean
  readonly ignoreLease?: boolean
}

function definePut(command: Command): void {
  command
    .argument('<key>')
    .argument('[value]')
    .option('--lease <id>', 'attach to this lease', wholeNumber('--lease'))
    .option('--ignore-value', 'keep the value, change the lease')
    .option('--ignore-lease', 'keep the lease, change the value')
    .action((key: string, value: string | undefined, flags: PutFlags) =>
      withStore(flags, async store => {
        const fromStdin = value === undefined && flags.ignoreValue !== true
        const response = await store.put({
          key: bytes(key),
          value: fromStdin ? new Uint8Array(readFileSync(0)) : bytes(value ?? ''),
          ...(flags.lease === undefined ? {} : { lease: flags.lease }),
          ignoreValue: flags.ignoreValue === true,
          ignoreLease: flags.ignoreLease === true,
        })
        output(
          flags,
          () => headerOnlyJson(response),
          () => ['OK'],
        )
      }),
    )
}

type DeleteFlags = StoreFlags & { readonly prefix?: boolean; readonly fromKey?: boolean }

function defineDelete(command: Command): void {
  command
    .argument('<key>')
    .argument('[range-end]')
    .option('--prefix', 'all keys that start with <key>')
    .option('--from-key', 'all keys from <key> on')
    .action((key: string, end: string | undefined, flags: DeleteFlags) =>
      withStore(flags, async store => {
        const response = await store.deleteRange(keyRange(key, end, flags))
        output(
          flags,
          () => ({ ...headerOnlyJson(response), deleted: response.deleted }),
          () => [String(response.deleted)],
        )
      }),
    )
}

function defineTxn(command: Command): void {
  command
    .addHelpText(
      'after',
      `
Three blocks with an empty line between them: comparisons, then what is done when all
hold, then what is done otherwise. For example:
  printf 'mod("a") = "0"\\n\\nput a "1"\\n\\nget a\\n' | raftsman kv txn`,
    )
    .action((flags: StoreFlags) =>
      withStore(flags, async store => {
        const response = await store.txn(parseTxn(readFileSync(0, 'utf8')))
        output(
          flags,
          () => txnJson(response),
          () => txnLines(response),
        )
      }),
    )
}

type WatchFlags = StoreFlags & {
  readonly prefix?: boolean
  readonly rev?: number
  readonly prevKv?: boolean
}

function defineWatch(command: Command): void {
  command
    .argument('<key>')
    .argument('[range-end]')
    .option('--prefix', 'all keys that start with <key>')
    .option('--rev <revision>', 'from this revision on', wholeNumber('--rev'))
    .option('--prev-kv', 'the value before the change as well')
    .action((key: string, end: string | undefined, flags: WatchFlags) =>
      withStore(flags, store => watch(store, key, end, flags)),
    )
}

function watch(
  store: Store,
  key: string,
  end: string | undefined,
  flags: WatchFlags,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = {
      ...keyRange(key, end, flags),
      ...(flags.rev === undefined ? {} : { startRevision: flags.rev }),
      prevKv: flags.prevKv === true,
    }
    store.watch(request, {
      onBatch(batch) {
        if (batch.events.length > 0)
          output(
            flags,
            () => batchJson(batch),
            () => batchLines(batch),
          )
      },
      onEnd: reject,
    })
    process.once('SIGINT', () => resolve())
  })
}

function defineCompact(command: Command): void {
  command
    .argument('<revision>', 'history before it is forgotten', wholeNumber('The revision'))
    .option('--physical', 'answer when the space has been given back')
    .action((revision: number, flags: StoreFlags & { readonly physical?: boolean }) =>
      withStore(flags, async store => {
        const response = await store.compact({ revision, physical: flags.physical === true })
        output(
          flags,
          () => headerOnlyJson(response),
          () => [`compacted revision ${revision}`],
        )
      }),
    )
}
