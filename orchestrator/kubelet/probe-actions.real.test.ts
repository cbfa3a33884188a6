import http from 'node:http'
import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Probe } from '../api/types/core-container.js'
import { runAction } from './probe-actions.js'
import { type Runtime, RuntimeError } from './runtime.js'
import { containerOf } from './testing/observation.js'

const closers: (() => void)[] = []

afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function serve(listener: http.RequestListener): Promise<number> {
  const server = http.createServer(listener)
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as net.AddressInfo).port
}

/** A port of this machine at which nobody listens. */
async function deadPort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

const exec = (answer: { code?: number; output?: string; timedOut?: boolean } | RuntimeError) =>
  ({
    exec: () =>
      answer instanceof RuntimeError
        ? Promise.reject(answer)
        : Promise.resolve({ code: 0, output: '', timedOut: false, ...answer }),
  }) as unknown as Runtime

const run = (probe: Probe, port = 1, runtime = exec({}), timeoutMs = 5000) =>
  runAction(probe, {
    runtime,
    container: containerOf('main', { ports: [{ name: 'http', containerPort: port }] }),
    containerId: 'process://1',
    podAddress: '127.0.0.1',
    timeoutMs,
  })

describe('an HTTP probe', () => {
  it.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [500, false],
  ])('judges %i as %s', async (status, succeeded) => {
    let requests = 0
    const port = await serve((_request, response) => {
      requests += 1
      response.writeHead(status, { location: '/elsewhere' }).end('body')
    })
    const result = await run({ httpGet: { port: 'http' } }, port)
    expect(result.succeeded).toBe(succeeded)
    if (!succeeded) expect(result.message).toBe(`HTTP probe failed with statuscode: ${status}`)
    expect(requests).toBe(1)
  })

  it('asks for the path with the headers it is given', async () => {
    const seen: string[] = []
    const port = await serve((request, response) => {
      const { headers } = request
      seen.push([request.url, headers['x-check'], headers['user-agent']].join(' '))
      response.end()
    })
    const httpHeaders = [
      { name: 'X-Check', value: 'yes' },
      { name: 'User-Agent', value: 'me' },
    ]
    await run({ httpGet: { port, path: 'ready?x=1', httpHeaders } })
    expect(seen).toEqual(['/ready?x=1 yes me'])
  })

  it('fails in known words when nobody listens, or nobody answers in time', async () => {
    const dead = await deadPort()
    const at = `127.0.0.1:${dead}`
    expect(await run({ httpGet: { port: dead } })).toEqual({
      succeeded: false,
      message: `Get "http://${at}/": dial tcp ${at}: connect: connection refused`,
    })
    const silent = await serve(() => {})
    const late = await run({ httpGet: { port: silent } }, 1, exec({}), 50)
    expect(late.message).toMatch(/context deadline exceeded$/)
  })

  it('fails when its port has no name that is known', async () => {
    const { message } = await run({ httpGet: { port: 'none' } })
    expect(message).toBe('no port named "none"')
  })
})

describe('a TCP probe', () => {
  it('succeeds where somebody listens, and fails where nobody does', async () => {
    const port = await serve(() => {})
    expect((await run({ tcpSocket: { port } })).succeeded).toBe(true)
    const dead = await deadPort()
    expect((await run({ tcpSocket: { port: dead } })).message).toContain('connection refused')
  })
})

describe('a command probe', () => {
  const probe: Probe = { exec: { command: ['check', 'it'] } }
  const unknown = new RuntimeError('container-not-found', 'gone')
  it.each([
    [exec({}), { succeeded: true, message: '' }],
    [exec({ code: 1, output: 'why' }), { succeeded: false, message: 'why' }],
    [
      exec({ timedOut: true }),
      { succeeded: false, message: 'command timed out: "check it" timed out' },
    ],
    [exec(unknown), { succeeded: false, message: 'gone' }],
  ])('is judged by its exit code and its time (%#)', async (runtime, wanted) => {
    expect(await run(probe, 1, runtime)).toEqual(wanted)
  })
})

it('a probe of another kind fails with a sentence', async () => {
  expect((await run({ grpc: { port: 1 } })).message).toContain('exec, httpGet and tcpSocket')
})
