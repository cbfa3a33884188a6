import { expect, test } from 'vitest'
import type { Node } from '../../../api/types/core-node.js'
import { parseLocalConfig } from './local-config.js'
import { LocalInstances } from './local-instances.js'

const config = parseLocalConfig(`
region: here
instances:
- {name: a, addresses: [10.0.0.1], zone: east, type: large}
- {name: c, addresses: [10.0.0.3, "fd00::3"], shutdown: true}
`)

test('a machine is known by its id, or by the name of its node', async () => {
  const instances = new LocalInstances(() => Promise.resolve(config))
  const node = (name: string, providerID?: string): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: providerID === undefined ? {} : { providerID },
  })
  expect(await instances.of(node('a'))).toMatchObject({ providerId: 'local://a', zone: 'east' })
  expect(await instances.of(node('renamed', 'local://c'))).toMatchObject({ shutdown: true })
  expect(await instances.of(node('a', 'local://gone'))).toBeNull()
})
