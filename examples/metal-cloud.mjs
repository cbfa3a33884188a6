// A cloud provider for machines that stand in racks and are listed in a file, as in
//   {"node-1": {"address": "10.0.0.1", "rack": "r7", "model": "dl360"}}
// Run it with: raftsman cloud-controller-manager --cloud-provider ./metal-cloud.mjs --cloud-config ./machines.json …
// It has no routes and no load balancers: docs/cloud.md tells what those would be.

import { readFile } from 'node:fs/promises'

/** @type {import('raftsman/cloud').OpenProvider} */
export default async function open({ configFile }) {
  // Said at once where the file is not there or no JSON.
  const machines = async () => JSON.parse(await readFile(configFile, 'utf8'))
  await machines()
  return {
    name: 'metal',
    instances: {
      async of({ metadata, spec }) {
        const name = spec?.providerID?.replace('metal://', '') ?? metadata.name
        const machine = (await machines())[name]
        if (machine === undefined) return null
        return {
          providerId: `metal://${name}`,
          instanceType: machine.model ?? '',
          addresses: [
            { type: 'InternalIP', address: machine.address },
            { type: 'Hostname', address: name },
          ],
          zone: machine.rack ?? '',
          region: '',
          shutdown: machine.off === true,
        }
      },
    },
    routes: null,
    loadBalancers: null,
    async close() {},
  }
}
