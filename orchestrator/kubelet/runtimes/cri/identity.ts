// Who this node is to its runtime: drawn once, and kept with the data directory. A name would not do: two clusters may have
// a node of the same name on one machine, and each must leave the other's pods alone.

import { join } from 'node:path'
import type { Files } from '../../../../platform/files.js'
import type { Random } from '../../../../platform/random.js'

export interface IdentityOptions {
  readonly dataDirectory: string
  readonly files: Files
  readonly random: Random
}

export async function nodeIdentity({
  dataDirectory,
  files,
  random,
}: IdentityOptions): Promise<string> {
  const path = join(dataDirectory, 'node-identity')
  const held = Buffer.from((await files.read(path, 1024)) ?? [])
    .toString('latin1')
    .trim()
  if (/^[0-9a-f]{32}$/.test(held)) return held
  const drawn = Buffer.from(random.bytes(16)).toString('hex')
  await files.write(path, Buffer.from(`${drawn}\n`), 0o600)
  return drawn
}
