// Puts over gRPC against one member, or against a real etcd, and what a put costs the server in
// processor time, which says something on a busy machine too. Run from dist/:
// node dist/bench/store/rpc-put.js [raftsman|etcd] [seconds] [connections] [in flight] [--cpu-prof=DIR].

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { freePort } from '../../platform/testing/free-port.js'
import { PutRequest } from '../../store/etcd/messages/kv.js'

/** Clock ticks of /proc, a second: fixed for user space on Linux. */
const ticksPerSecond = 100

const flags = process.argv.slice(2).filter(word => word.startsWith('--'))
const [server = 'raftsman', seconds = '5', connections = '100', inFlight = '10'] = process.argv
  .slice(2)
  .filter(word => !word.startsWith('--'))

const directory = mkdtempSync(join(tmpdir(), 'raftsman-bench-'))
const client = `127.0.0.1:${await freePort()}`
const peer = `127.0.0.1:${await freePort()}`

const plan = {
  id: 1,
  members: [{ id: 1, name: 'm1', clientAddress: client, peerAddress: peer }],
  dataDirectory: directory,
}
const profiling = flags
  .filter(flag => flag.startsWith('--cpu-prof='))
  .flatMap(flag => ['--cpu-prof', `--cpu-prof-dir=${flag.slice('--cpu-prof='.length)}`])
const command =
  server === 'etcd'
    ? {
        program: 'etcd',
        args: [
          '--name=m1',
          `--data-dir=${directory}`,
          '--log-level=error',
          `--listen-client-urls=http://${client}`,
          `--advertise-client-urls=http://${client}`,
          `--listen-peer-urls=http://${peer}`,
          `--initial-advertise-peer-urls=http://${peer}`,
          `--initial-cluster=m1=http://${peer}`,
        ],
      }
    : {
        program: process.execPath,
        args: [...profiling, join(import.meta.dirname, 'member.js'), JSON.stringify(plan)],
      }
const child = spawn(command.program, command.args, { stdio: ['pipe', 'ignore', 'inherit'] })

function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

const pause = (ms: number) =>
  new Promise(resolve => {
    setTimeout(resolve, ms)
  })

const request = (() => {
  const message = PutRequest.encode({ key: Buffer.from('bench'), value: Buffer.alloc(256, 'v') })
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
})()

let puts = 0
const run = { running: true }

/** True when it was answered well. */
function put(session: ClientHttp2Session): Promise<boolean> {
  return new Promise(resolve => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/etcdserverpb.KV/Put',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    let good = false
    stream.on('trailers', trailers => {
      good = trailers['grpc-status'] === '0'
    })
    stream.on('error', () => {})
    stream.on('close', () => resolve(good))
    stream.resume()
    stream.end(request)
  })
}

async function slot(session: ClientHttp2Session): Promise<void> {
  while (run.running) if (await put(session)) puts += 1
}

async function serves(): Promise<boolean> {
  const session = connect(`http://${client}`)
  session.on('error', () => {})
  const good = await Promise.race([put(session), pause(500).then(() => false)])
  session.destroy()
  return good
}

while (!(await serves())) await pause(50)
const sessions = Array.from({ length: Number(connections) }, () => connect(`http://${client}`))
const slots = sessions.flatMap(session =>
  Array.from({ length: Number(inFlight) }, () => slot(session)),
)
await pause(2_000)
const before = { puts, cpu: cpuSeconds(), ms: performance.now() }
await pause(Number(seconds) * 1_000)
const done = puts - before.puts
const cpu = cpuSeconds() - before.cpu
const elapsed = (performance.now() - before.ms) / 1_000
run.running = false
await Promise.all(slots)
for (const session of sessions) session.destroy()
process.stdout.write(
  `${JSON.stringify({
    server,
    connections: Number(connections),
    inFlight: Number(inFlight),
    putsPerSecond: Math.round(done / elapsed),
    cpuMicrosPerPut: Math.round((cpu / done) * 1_000_000),
  })}\n`,
)
const exit = once(child, 'exit')
if (server === 'etcd') child.kill('SIGTERM')
else child.stdin.end()
await exit
rmSync(directory, { recursive: true, force: true })
