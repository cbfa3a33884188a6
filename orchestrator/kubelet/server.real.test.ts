import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import https from 'node:https'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import type { TlsFiles } from '../../platform/network.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeFiles } from '../../platform/node/node-files.js'
import type { LogQuery, Runtime } from './runtime.js'
import { KubeletServer } from './server.js'
import { testAuthority, type TestAuthority } from '../../platform/testing/certificates.js'
import { podOf, runOf } from './testing/observation.js'

let directory = ''
let authority: TestAuthority
let server: KubeletServer
let port = 0
const asked: [string, LogQuery][] = []

/** A log of two pieces; a followed one goes on until its reader leaves. */
async function* readLog(id: string, query: LogQuery, signal: AbortSignal) {
  asked.push([id, query])
  yield Buffer.from('one\n')
  yield Buffer.from('two\n')
  if (!query.follow) return
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
  tellLeft()
}

let tellLeft = (): void => {}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kubelet-server-'))
  authority = await testAuthority(directory)
  asked.length = 0
  const runs = [runOf('main', 0, [1, 1000]), runOf('main', 1, null)]
  server = new KubeletServer({
    host: '127.0.0.1',
    port: 0,
    tls: await authority.issue('server', { commonName: 'system:node:node-1' }),
    clock: nodeClock(),
    logger: silentLogger,
    files: nodeFiles,
    runtime: { containers: () => runs, readLog } as unknown as Runtime,
    pods: () => [podOf({ spec: { containers: [{ name: 'main' }] } })],
    metricsText: () => Promise.resolve('up 1\n'),
  })
  port = await server.start()
})

afterEach(async () => {
  await server.close()
  rmSync(directory, { recursive: true, force: true })
})

const masters = (): Promise<TlsFiles> =>
  authority.issue('apiserver', { commonName: 'kube-apiserver-kubelet-client' })

interface Answer {
  readonly status: number
  readonly body: string
}

function options(path: string, files: TlsFiles | null): https.RequestOptions {
  return {
    host: '127.0.0.1',
    port,
    path,
    agent: false,
    ca: authority.caPem,
    ...(files === null
      ? {}
      : { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) }),
  }
}

function ask(path: string, files: TlsFiles | null): Promise<Answer> {
  return new Promise((resolve, reject) => {
    https
      .get(options(path, files), response => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          body += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      })
      .on('error', reject)
  })
}

const logs = '/containerLogs/default/web/main'

describe('the server of a kubelet', () => {
  it('answers the API server', async () => {
    const files = await masters()
    expect(await ask('/healthz', files)).toEqual({ status: 200, body: 'ok' })
    expect(await ask('/metrics', files)).toEqual({ status: 200, body: 'up 1\n' })
    expect((await ask('/pods', files)).body).toContain('"kind":"PodList"')
    expect((await ask('/exec', files)).status).toBe(400)
  })

  it('answers members of system:masters, and no other node', async () => {
    const admin = await authority.issue('admin', {
      commonName: 'admin',
      organizations: ['one', 'system:masters'],
    })
    expect((await ask('/healthz', admin)).status).toBe(200)
    const node = await authority.issue('node', {
      commonName: 'system:node:node-2',
      organizations: ['system:nodes'],
    })
    expect((await ask(logs, node)).status).toBe(403)
    expect(asked).toEqual([])
  })

  it('speaks with nobody who has no certificate, or one of another authority', async () => {
    await expect(ask('/healthz', null)).rejects.toThrow()
    const other = await testAuthority(join(directory, 'other'), 'other-ca')
    const name = { commonName: 'kube-apiserver-kubelet-client' }
    await expect(ask('/healthz', await other.issue('impostor', name))).rejects.toThrow()
  })

  it('drops a connection that never finishes its handshake', async () => {
    const socket = net.connect({ host: '127.0.0.1', port })
    await new Promise<void>(resolve => socket.once('close', () => resolve()))
    expect(socket.destroyed).toBe(true)
  })

  it('reads the log of the newest run, or of the one before', async () => {
    const files = await masters()
    expect(await ask(`${logs}?tailLines=5`, files)).toEqual({ status: 200, body: 'one\ntwo\n' })
    await ask(`${logs}?previous=true`, files)
    expect(asked.map(([id, { tailLines }]) => [id, tailLines])).toEqual([
      ['process://main-1', 5],
      ['process://main-0', null],
    ])
  })

  it.each([
    ['/containerLogs/default/other/main', 404],
    ['/containerLogs/default/web/other', 404],
    ['/containerLogs/default/web', 404],
    [`${logs}?tailLines=x`, 400],
  ])('refuses %s with %i', async (path, status) => {
    expect((await ask(path, await masters())).status).toBe(status)
  })

  it('stops reading a followed log when the client has left', async () => {
    const files = await masters()
    const left = new Promise<void>(resolve => {
      tellLeft = resolve
    })
    await new Promise<void>((resolve, reject) => {
      const request = https.get(options(`${logs}?follow=true`, files), response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('error', () => {})
        response.on('data', (chunk: string) => {
          text += chunk
          if (text !== 'one\ntwo\n') return
          request.destroy()
          resolve()
        })
      })
      request.on('error', reject)
    })
    await left
    expect(asked).toHaveLength(1)
  })
})
