// What a client of the cluster does not see of the runtime: pulls, rotated logs, what a crash left behind.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../../platform/logger.js'
import { nodeClock } from '../../../../platform/node/clock.js'
import { grpcChannels } from '../../../../platform/node/grpc-channel.js'
import { nodeFiles } from '../../../../platform/node/node-files.js'
import { nodeRandom } from '../../../../platform/node/random.js'
import { rpcCode } from '../../../../platform/rpc.js'
import type { RpcChannel } from '../../../../platform/rpc-channel.js'
import type { Container } from '../../../api/types/core-container.js'
import type { ContainerRecord, ContainerSpec, LogQuery, SandboxSpec } from '../../runtime.js'
import { containerOf, podOf } from '../../testing/observation.js'
import { CriRuntime } from './cri-runtime.js'
import { startTestContainerd, type TestContainerd, toolsImage } from './testing/containerd.js'
import { eventually } from './testing/cri-cluster.js'
import { testImage } from './testing/images.js'
import { startRegistry } from './testing/registry.js'

let containerd: TestContainerd
let directory = ''
let runtime: CriRuntime
const opened: CriRuntime[] = []

const podUid = 'u1'
const sandbox: SandboxSpec = {
  pod: podOf({}),
  names: { hostname: 'web', qualified: null },
  dns: { servers: [], searches: [], options: [] },
  runtimeHandler: '',
}
const logBytesMax = 100_000

/** Calls of these paths do not leave any more. */
function channelUntil(dies: (path: string) => boolean): RpcChannel {
  const answerBytesMax = 16 * 1024 * 1024
  const channel = grpcChannels({ tls: null, answerBytesMax })(containerd.endpoint)
  const failure = { code: rpcCode.unavailable, message: 'its kubelet has died', sent: false }
  return {
    ...channel,
    call(path, request, metadata, deadlineMs, done) {
      if (dies(path)) done({ failure })
      else channel.call(path, request, metadata, deadlineMs, done)
    },
  }
}

async function open(
  dataDirectory: string,
  dies: (path: string) => boolean = () => false,
): Promise<CriRuntime> {
  const made = new CriRuntime({
    channel: channelUntil(dies),
    dataDirectory,
    seccompDefault: true,
    files: nodeFiles,
    clock: nodeClock(),
    random: nodeRandom(),
    logger: silentLogger,
    logBytesMax,
    rotateMs: 50,
  })
  opened.push(made)
  await made.restore()
  return made
}

async function specOf(
  script: string,
  attempt = 0,
  of: Partial<Container> = {},
): Promise<ContainerSpec> {
  const image = await runtime.findImage(toolsImage)
  if (image === null) throw new Error('the image of the tests is not there')
  return {
    sandbox,
    container: containerOf('main', { image: toolsImage, ...of }),
    attempt,
    image,
    command: ['sh', '-c', script],
    args: [],
    env: [],
    mounts: [],
  }
}

const ended = (id: string): Promise<ContainerRecord> =>
  eventually('the container ends', () =>
    Promise.resolve(
      runtime.containers(podUid).find(record => record.id === id && record.exit !== null),
    ),
  )

async function logOf(id: string, query: Partial<LogQuery> = {}): Promise<string> {
  const all = { follow: false, tailLines: null, sinceMs: null, timestamps: false, limitBytes: null }
  let text = ''
  for await (const piece of runtime.readLog(
    id,
    { ...all, ...query },
    new AbortController().signal,
  )) {
    text += Buffer.from(piece).toString('utf8')
  }
  return text
}

beforeAll(async () => {
  containerd = await startTestContainerd()
})

afterAll(() => containerd.close())

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cri-runtime-'))
  runtime = await open(directory)
})

afterEach(async () => {
  await runtime.removeSandbox(podUid)
  for (const one of opened.splice(0)) await one.close()
  rmSync(directory, { recursive: true, force: true })
})

describe('logs of a CRI runtime', () => {
  it('begin a new file when one is full; readers find all of the last two, in order', async () => {
    await runtime.createSandbox(sandbox)
    // Slower than they are turned over, so that no file is given up unread.
    const script =
      'for n in $(seq 1 60); do for m in $(seq 1 50); do echo "$n line $m of many"; done; sleep 0.02; done'
    const { id } = await runtime.startContainer(await specOf(script))
    const followed = logOf(id, { follow: true })
    await ended(id)
    const lines = (await followed).trimEnd().split('\n')
    expect(lines).toHaveLength(3000)
    expect(lines[0]).toBe('1 line 1 of many')
    expect(lines.at(-1)).toBe('60 line 50 of many')
    const logs = join(runtime.podDirectory(podUid), 'logs/main')
    expect(existsSync(join(logs, '0.log.1'))).toBe(true)
    expect(statSync(join(logs, '0.log')).size).toBeLessThan(2 * logBytesMax)
    expect(await logOf(id, { tailLines: 2 })).toBe('60 line 49 of many\n60 line 50 of many\n')
    // Another kubelet finds both files.
    const other = await open(directory)
    runtime = other
    expect((await logOf(id)).length).toBeGreaterThan(logBytesMax / 10)
  })

  it('are removed with their run', async () => {
    await runtime.createSandbox(sandbox)
    const { id } = await runtime.startContainer(await specOf('echo once'))
    await ended(id)
    expect(await logOf(id)).toBe('once\n')
    await runtime.removeContainer(id)
    expect(existsSync(join(runtime.podDirectory(podUid), 'logs/main/0.log'))).toBe(false)
    expect(runtime.containers(podUid)).toEqual([])
  })
})

describe('containers of a CRI runtime', () => {
  it('are asked to end, and killed when their time is over', async () => {
    await runtime.createSandbox(sandbox)
    const loop = 'echo ready; while :; do sleep 0.05; done'
    const isReady = async (id: string): Promise<boolean> => (await logOf(id)) === 'ready\n'
    const polite = await runtime.startContainer(await specOf(`trap "exit 5" TERM; ${loop}`))
    await eventually('it listens', () => isReady(polite.id))
    runtime.terminateContainer(polite.id, 20_000)
    expect((await ended(polite.id)).exit?.code).toBe(5)
    const deaf = await runtime.startContainer(await specOf(`trap "" TERM; ${loop}`, 1))
    await eventually('it does not listen', () => isReady(deaf.id))
    runtime.terminateContainer(deaf.id, 20_000)
    runtime.killContainer(deaf.id)
    expect((await ended(deaf.id)).exit?.code).toBe(137)
  })

  it('run commands beside them for as long as they may', async () => {
    await runtime.createSandbox(sandbox)
    const { id } = await runtime.startContainer(await specOf('sleep 1000'))
    expect(await runtime.exec(id, ['sh', '-c', 'echo out; echo err >&2; exit 4'], 5_000)).toEqual({
      code: 4,
      output: 'out\nerr\n',
      timedOut: false,
    })
    expect(await runtime.exec(id, ['sleep', '60'], 500)).toMatchObject({ timedOut: true })
    await expect(runtime.exec(id, ['no-such-program'], 5_000)).rejects.toThrow('rpc error')
  })

  it('count as a run that has failed when they cannot begin', async () => {
    await runtime.createSandbox(sandbox)
    const spec = await specOf('exit 0')
    const broken = { ...spec, command: ['/no/such'] }
    await expect(runtime.startContainer(broken)).rejects.toThrow('no such file')
    expect(runtime.containers(podUid)[0]?.exit).toMatchObject({ code: 128, reason: 'StartError' })
    const { id } = await runtime.startContainer({ ...spec, attempt: 1 })
    expect((await ended(id)).exit?.code).toBe(0)
  })

  it('take the place of one that was made and never started', async () => {
    const dying = await open(directory, path => path.endsWith('/StartContainer'))
    await dying.createSandbox(sandbox)
    const spec = await specOf('exit 0')
    await expect(dying.startContainer(spec)).rejects.toThrow('its kubelet has died')
    const next = await open(directory)
    runtime = next
    expect(next.containers(podUid)).toEqual([])
    const { id } = await next.startContainer(spec)
    expect((await ended(id)).exit?.code).toBe(0)
  })

  it('belong to the data directory that began them', async () => {
    await runtime.createSandbox(sandbox)
    await runtime.startContainer(await specOf('sleep 1000'))
    const stranger = mkdtempSync(join(tmpdir(), 'cri-runtime-'))
    const other = await open(stranger)
    expect(other.sandboxes()).toEqual([])
    const again = await open(directory)
    expect(again.sandboxes()).toHaveLength(1)
    expect(again.containers(podUid)).toHaveLength(1)
    rmSync(stranger, { recursive: true, force: true })
  })
})

describe('images of a CRI runtime', () => {
  it('are pulled with the credentials that the registry takes', async () => {
    const image = testImage({ entrypoint: ['sleep', '1'], user: 'worker' })
    const user = { username: 'robot', password: 'secret' }
    const registry = await startRegistry(containerd.hostAddress, image, user)
    try {
      containerd.trustRegistry(registry.place)
      const name = `${registry.place}/team/app:v1`
      expect(await runtime.findImage(name)).toBeNull()
      await expect(runtime.pullImage(name, [])).rejects.toThrow(/rpc error.*(401|authoriz)/)
      const wrong = { username: 'robot', password: 'guessed', identityToken: '' }
      const right = { ...user, identityToken: '' }
      const pulled = await runtime.pullImage(name, [wrong, right])
      expect(pulled).toMatchObject({ id: image.config.digest, builtIn: false, user: 'worker' })
      expect(await runtime.findImage(name)).toEqual(pulled)
      expect(registry.reads.some(path => path.includes(image.config.digest))).toBe(true)
    } finally {
      await registry.close()
    }
  })
})

describe('the identity of a node', () => {
  it('is drawn once', async () => {
    const text = readFileSync(join(directory, 'node-identity'), 'latin1')
    expect(text).toMatch(/^[0-9a-f]{32}\n$/)
    await open(directory)
    expect(readFileSync(join(directory, 'node-identity'), 'latin1')).toBe(text)
  })
})
