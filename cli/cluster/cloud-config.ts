// The cloud of a local cluster: addresses for load balancers, and no machines but those that nodes say they are.
// What a user has made of the file stays.

import { existsSync, writeFileSync } from 'node:fs'
import type { AddressPlan } from './layout.js'

export function writeCloudConfig(file: string, { balancerCidr }: AddressPlan): void {
  if (existsSync(file)) return
  const text = `# The local cloud; see docs/cloud.md.\nloadBalancerCidr: ${balancerCidr}\n`
  writeFileSync(file, text, { mode: 0o600 })
}
