// `raftsman lease …`: options and output as in etcdctl; ids are hexadecimal there and here.

import type { Command } from 'commander'
import { headerJson, print } from './output.js'
import { storeFlags, type StoreFlags } from './store-access.js'
import { withStore } from './store-command.js'
import { UserError } from './user-error.js'

export function define(command: Command): void {
  command.enablePositionalOptions()
  const define = (name: string, description: string) =>
    storeFlags(command.command(name).description(description))
  define('grant', 'a new lease').argument('<ttl>', 'in seconds').action(grant)
  define('revoke', 'end a lease, and delete its keys').argument('<id>').action(revoke)
  define('timetolive', 'how long a lease has left')
    .argument('<id>')
    .option('--keys', 'and the keys that are attached to it')
    .action(timeToLive)
  define('list', 'every lease').action(list)
  define('keep-alive', 'renew a lease until Ctrl-C')
    .argument('<id>')
    .option('--once', 'only once')
    .action(keepAlive)
}

const hex = (id: number): string => id.toString(16).padStart(16, '0')

function leaseId(text: string): number {
  const id = /^[0-9a-fA-F]{1,16}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN
  if (!Number.isSafeInteger(id)) throw new UserError(`"${text}" is not the id of a lease.`)
  return id
}

function tell(flags: StoreFlags, json: object, lines: readonly string[]): void {
  if (flags.output === 'json') print([JSON.stringify(json)])
  else print(lines)
}

function grant(ttl: string, flags: StoreFlags): Promise<void> {
  const ttlSeconds = Number(ttl)
  if (!Number.isSafeInteger(ttlSeconds)) throw new UserError(`"${ttl}" is not a number of seconds.`)
  return withStore(flags, async store => {
    const { header, id, ttlSeconds: granted } = await store.leaseGrant({ ttlSeconds })
    tell(flags, { header: headerJson(header), ID: id, TTL: granted }, [
      `lease ${hex(id)} granted with TTL(${granted}s)`,
    ])
  })
}

function revoke(id: string, flags: StoreFlags): Promise<void> {
  return withStore(flags, async store => {
    const { header } = await store.leaseRevoke(leaseId(id))
    tell(flags, { header: headerJson(header) }, [`lease ${hex(leaseId(id))} revoked`])
  })
}

function timeToLive(id: string, flags: StoreFlags & { readonly keys?: boolean }): Promise<void> {
  return withStore(flags, async store => {
    const response = await store.leaseTimeToLive(leaseId(id), flags.keys === true)
    const keys = response.keys.map(key => Buffer.from(key))
    const json = {
      header: headerJson(response.header),
      id: response.id,
      ttl: response.ttlSeconds,
      'granted-ttl': response.grantedTtlSeconds,
      keys: keys.map(key => key.toString('base64')),
    }
    if (response.ttlSeconds < 0) {
      tell(flags, json, [`lease ${hex(response.id)} already expired`])
      return
    }
    const attached =
      flags.keys === true ? `, attached keys([${keys.map(key => key.toString()).join(' ')}])` : ''
    tell(flags, json, [
      `lease ${hex(response.id)} granted with TTL(${response.grantedTtlSeconds}s), ` +
        `remaining(${response.ttlSeconds}s)${attached}`,
    ])
  })
}

function list(flags: StoreFlags): Promise<void> {
  return withStore(flags, async store => {
    const { header, leases } = await store.leaseLeases()
    const json = { header: headerJson(header), leases: leases.map(ID => ({ ID })) }
    tell(flags, json, [`found ${leases.length} leases`, ...leases.map(hex)])
  })
}

function keepAlive(id: string, flags: StoreFlags & { readonly once?: boolean }): Promise<void> {
  return withStore(flags, async store => {
    const lease = leaseId(id)
    let stopped = false
    process.once('SIGINT', () => {
      stopped = true
      store.close()
    })
    for (;;) {
      const { header, ttlSeconds } = await store.leaseKeepAlive(lease).catch((error: unknown) => {
        if (stopped) process.exit(0)
        throw error
      })
      if (ttlSeconds <= 0) throw new UserError(`lease ${hex(lease)} expired or revoked.`)
      tell(flags, { header: headerJson(header), ID: lease, TTL: ttlSeconds }, [
        `lease ${hex(lease)} keepalived with TTL(${ttlSeconds})`,
      ])
      if (flags.once === true) return
      await new Promise(done => setTimeout(done, (ttlSeconds * 1000) / 3))
    }
  })
}
