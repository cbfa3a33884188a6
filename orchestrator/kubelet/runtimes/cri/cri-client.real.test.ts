// The client against a server of its own, over a socket: what containerd of the tests does not have (events), and how
// refusals are told.

import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { grpcChannels } from '../../../../platform/node/grpc-channel.js'
import type { RpcFailure } from '../../../../platform/rpc-channel.js'
import { type CriClient, criClient, isNotFound } from './cri-client.js'
import * as messages from './messages.js'

const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
const received = (bytes: Buffer): Buffer => bytes

let directory = ''
let server: Server
let client: CriClient
/** Sends an event to whoever watches, or ends the watch. */
let watched: { event(): void; end(): void } | null = null

function method(name: string, responseStream: boolean) {
  return {
    path: `/runtime.v1.RuntimeService/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: received,
    responseSerialize: asIs,
    responseDeserialize: received,
  }
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cri-client-'))
  const endpoint = `unix://${join(directory, 's.sock')}`
  server = new Server()
  server.addService(
    {
      Version: method('Version', false),
      ContainerStatus: method('ContainerStatus', false),
      GetContainerEvents: method('GetContainerEvents', true),
    },
    {
      Version(_call: unknown, done: (error: null, answer: Uint8Array) => void) {
        done(
          null,
          messages.VersionResponse.encode({ runtimeName: 'steam', runtimeVersion: '1.2.3' }),
        )
      },
      ContainerStatus(_call: unknown, done: (error: object) => void) {
        done({ code: status.NOT_FOUND, details: 'an error occurred when try to find container' })
      },
      GetContainerEvents(call: { write(bytes: Uint8Array): void; end(): void }) {
        watched = { event: () => call.write(Buffer.from([0x0a, 1, 0x78])), end: () => call.end() }
      },
    },
  )
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(endpoint, ServerCredentials.createInsecure(), error =>
      error === null ? resolve() : reject(error),
    )
  })
  client = criClient(grpcChannels({ tls: null, answerBytesMax: 1024 * 1024 })(endpoint))
})

afterEach(() => {
  client.close()
  server.forceShutdown()
  watched = null
  rmSync(directory, { recursive: true, force: true })
})

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('it did not happen within 10 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

it('asks over a socket, and tells refusals in the words that users search for', async () => {
  expect(await client.version({})).toMatchObject({ runtimeName: 'steam', runtimeVersion: '1.2.3' })
  const refused = await client
    .containerStatus({ containerId: 'x' })
    .catch((error: unknown) => error)
  expect(isNotFound(refused)).toBe(true)
  expect(String(refused)).toContain(
    'rpc error: code = NotFound desc = an error occurred when try to find container',
  )
  await expect(client.status({})).rejects.toThrow('rpc error: code = Unimplemented')
})

it('hears of events until the runtime ends them', async () => {
  let events = 0
  const ends: (RpcFailure | null)[] = []
  client.watchEvents(
    () => {
      events += 1
    },
    failure => ends.push(failure),
  )
  await until(() => watched !== null)
  watched?.event()
  watched?.event()
  await until(() => events === 2)
  watched?.end()
  await until(() => ends.length > 0)
  expect(ends).toEqual([null])
})

it('says of a closed channel that nothing was sent', async () => {
  client.close()
  await expect(client.version({})).rejects.toMatchObject({ outcome: 'not-applied' })
})
