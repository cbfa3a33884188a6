// What the commands that talk to the store have in common: a client for as long as they need it, and
// answers as plain lines or as JSON.

import type { StoreClient } from '../store/client/store-client.js'
import { openStore, type StoreFlags } from './store-access.js'

export function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

export function output(
  flags: StoreFlags,
  json: () => object,
  lines: () => readonly string[],
): void {
  if (flags.output === 'json') print([JSON.stringify(json())])
  else print(lines())
}

export async function withStore(
  flags: StoreFlags,
  use: (store: StoreClient) => Promise<void>,
): Promise<void> {
  const store = await openStore(flags)
  try {
    await use(store)
  } finally {
    store.close()
  }
}
