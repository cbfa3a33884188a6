// Our side: `raftsman store` as it ships, with plain ports and its own defaults.

import { basename, dirname, join, resolve } from 'node:path'

import { version } from '../../cli/version.js'
import { must } from '../../platform/errors.js'
import { GrpcDriver } from '../clients/grpc-driver.js'
import { NativeDriver } from '../clients/native-driver.js'
import type { MemberPlace, Profiling, Side } from './side.js'

const above = resolve(import.meta.dirname, '../..')
const projectRoot = basename(above) === 'dist' ? dirname(above) : above
const program = join(projectRoot, 'dist', 'cli', 'main.js')

/** From the start of the process to its end, which has to be in good order. */
const profilesOf = ({ name }: MemberPlace, { folder, label }: Profiling): readonly string[] => [
  '--cpu-prof',
  `--cpu-prof-dir=${folder}`,
  `--cpu-prof-name=${label}-${name}.cpuprofile`,
  '--heap-prof',
  `--heap-prof-dir=${folder}`,
  `--heap-prof-name=${label}-${name}.heapprofile`,
]

export const raftsmanSide: Side = {
  name: 'raftsman',
  version: () => `raftsman ${version}`,
  launch: (member, all, profiling) => ({
    program: process.execPath,
    args: [
      ...(profiling === null ? [] : profilesOf(member, profiling)),
      program,
      'store',
      `--name=${member.name}`,
      `--data-dir=${member.dataDirectory}`,
      `--initial-cluster=${all
        .map(({ name, peerAddress, clientAddress }) => `${name}=${peerAddress}/${clientAddress}`)
        .join(',')}`,
      '--no-tls',
      '--no-peer-tls',
      '--log-level=warn',
    ],
  }),
  connect: (protocol, endpoints) =>
    protocol === 'native'
      ? new NativeDriver(endpoints)
      : new GrpcDriver(must(endpoints[0], 'an endpoint')),
}
