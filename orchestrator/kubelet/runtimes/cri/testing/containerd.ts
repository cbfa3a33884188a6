// A containerd for tests alone: directories, socket, images and network of its own. It lives in a network namespace, in which
// CNI makes its bridge; a pair of interfaces leads there, so that a kubelet of the test reaches pods by their addresses.
// Everything goes with `close`: processes by pid, mounts, interfaces, namespace, files.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ImageChoices, testImage, writeImageArchive } from './images.js'

export interface TestContainerd {
  /** As in "unix:///tmp/…/containerd.sock". */
  readonly endpoint: string
  readonly directory: string
  /** The machine's end of the way there: what in the namespace reaches a server of the test. */
  readonly hostAddress: string
  /** First three numbers of pod addresses, as in "100.70.12.". */
  readonly podPrefix: string
  /** In the namespace of CRI images. */
  importImage(name: string, choices: ImageChoices): void
  /** What `ctr` prints. */
  ctr(...args: readonly string[]): string
  /** Where images of a registry without TLS come from. */
  trustRegistry(place: string): void
  /** The daemon alone: what runs goes on. */
  stop(): Promise<void>
  start(): Promise<void>
  /** No CNI configuration: the network is not ready. */
  setNetwork(present: boolean): void
  close(): Promise<void>
}

export const sleeperImage = 'localhost/sleeper:test'
export const toolsImage = 'localhost/tools:test'
const pauseImage = 'localhost/pause:test'
const startMs = 20_000
const pollMs = 20

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const run = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + startMs
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`containerd of the test: ${what} took too long`)
    await pause(pollMs)
  }
}

let count = 0

interface Plan {
  readonly directory: string
  readonly namespace: string
  readonly host: string
  readonly inside: string
  readonly hostAddress: string
  readonly insideAddress: string
  readonly podPrefix: string
  readonly podSubnet: string
}

/** Of the range that is kept for carriers: no machine has it, and each process of tests takes other ones. */
function plan(): Plan {
  count += 1
  const number = (process.pid * 4 + count) % 16_384
  const prefix = `100.${64 + (number >> 8)}.${number & 255}.`
  return {
    // Short, for a socket's path has no more than 107 characters.
    directory: mkdtempSync(join(tmpdir(), 'cri-')),
    namespace: `raftsman-cri-${number}`,
    host: `rc${number}h`,
    inside: `rc${number}n`,
    hostAddress: `${prefix}1`,
    insideAddress: `${prefix}2`,
    podPrefix: prefix,
    podSubnet: `${prefix}128/25`,
  }
}

function makeNetwork(made: Plan): void {
  const { namespace, host, inside, hostAddress, insideAddress, podSubnet } = made
  const within = (...args: readonly string[]) => run('ip', '-n', namespace, ...args)
  run('ip', 'netns', 'add', namespace)
  run('ip', 'link', 'add', host, 'type', 'veth', 'peer', 'name', inside, 'netns', namespace)
  run('ip', 'address', 'add', `${hostAddress}/30`, 'dev', host)
  run('ip', 'link', 'set', host, 'up')
  within('link', 'set', 'lo', 'up')
  within('address', 'add', `${insideAddress}/30`, 'dev', inside)
  within('link', 'set', inside, 'up')
  within('route', 'add', 'default', 'via', hostAddress)
  run('ip', 'route', 'add', podSubnet, 'via', insideAddress)
  const forward = 'echo 1 > /proc/sys/net/ipv4/ip_forward'
  run('ip', 'netns', 'exec', namespace, 'sh', '-c', forward)
}

const containerdConfig = (made: Plan): string => `
version = 2
root = "${made.directory}/root"
state = "${made.directory}/state"
[grpc]
  address = "${made.directory}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  stream_server_address = "${made.insideAddress}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${made.directory}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${made.directory}/registries"
`

const cniConfig = (made: Plan): string =>
  JSON.stringify({
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        isGateway: true,
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: `${made.directory}/addresses`,
          ranges: [[{ subnet: made.podSubnet }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  })

export async function startTestContainerd(): Promise<TestContainerd> {
  const made = plan()
  const { directory, namespace } = made
  const socket = join(directory, 'containerd.sock')
  const cniFile = join(directory, 'cni/10-pods.conflist')
  mkdirSync(join(directory, 'cni'))
  mkdirSync(join(directory, 'registries'))
  const configFile = join(directory, 'config.toml')
  writeFileSync(configFile, containerdConfig(made))
  writeFileSync(cniFile, cniConfig(made))
  makeNetwork(made)
  let daemon: ChildProcess | null = null
  const ctr = (...args: readonly string[]): string =>
    run('ctr', '--address', socket, '--namespace', 'k8s.io', ...args)
  const containerd: TestContainerd = {
    endpoint: `unix://${socket}`,
    directory,
    hostAddress: made.hostAddress,
    podPrefix: made.podPrefix,
    ctr,
    importImage(name, choices) {
      const archive = join(directory, 'image.tar')
      writeImageArchive(archive, name, testImage(choices))
      ctr('images', 'import', archive)
      rmSync(archive)
    },
    trustRegistry(place) {
      mkdirSync(join(directory, 'registries', place), { recursive: true })
      writeFileSync(
        join(directory, 'registries', place, 'hosts.toml'),
        `[host."http://${place}"]
`,
      )
    },
    async start() {
      const log = openSync(join(directory, 'containerd.log'), 'a')
      // Not by `ip netns exec`, which takes the cgroups out of sight.
      const command = [`--net=/run/netns/${namespace}`, 'containerd', '--config', configFile]
      daemon = spawn('nsenter', command, { stdio: ['ignore', log, log] })
      await until('its start', () => existsSync(socket) && answers(ctr))
    },
    async stop() {
      const { pid } = daemon ?? {}
      if (pid === undefined) return
      process.kill(pid, 'SIGTERM')
      await until('its end', () => !lives(pid))
      daemon = null
    },
    setNetwork(present) {
      if (present) writeFileSync(cniFile, cniConfig(made))
      else rmSync(cniFile, { force: true })
    },
    async close() {
      if (daemon !== null) removeEverything(ctr)
      await containerd.stop()
      endShims(directory)
      for (const path of mountsBelow(directory)) run('umount', '--lazy', path)
      // With the other end of the pair, and the route over it.
      run('ip', 'link', 'delete', made.host)
      run('ip', 'netns', 'delete', namespace)
      rmSync(directory, { recursive: true, force: true })
    },
  }
  try {
    await containerd.start()
    containerd.importImage(pauseImage, { entrypoint: ['sleep', '2147483647'] })
    containerd.importImage(sleeperImage, { entrypoint: ['sleep', '2147483647'] })
    containerd.importImage(toolsImage, { entrypoint: [], command: ['sh'] })
  } catch (error) {
    await containerd.close()
    throw error
  }
  return containerd
}

function answers(ctr: TestContainerd['ctr']): boolean {
  try {
    return ctr('version') !== ''
  } catch {
    return false
  }
}

const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

function removeEverything(ctr: TestContainerd['ctr']): void {
  for (const id of ctr('tasks', 'list', '--quiet').split('\n').filter(Boolean)) {
    try {
      ctr('tasks', 'delete', '--force', id)
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

/** Shims outlive their daemon; each names our socket in its arguments. */
function endShims(directory: string): void {
  const processes = run('ps', '-eo', 'pid=,args=').split('\n')
  for (const line of processes) {
    const match = /^\s*(\d+) \S*containerd-shim\S* /.exec(line)
    if (match !== null && line.includes(`${directory}/`)) process.kill(Number(match[1]), 'SIGKILL')
  }
}

const mountsBelow = (directory: string): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(path => path.startsWith(`${directory}/`))
    .sort()
    .reverse()
