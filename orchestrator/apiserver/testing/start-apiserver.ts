// A real API server for tests: on a port of its own, with certificates made for it, over an
// in-process store. Several can share one store, as masters do.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '../../../platform/logger.js'
import { silentLogger } from '../../../platform/logger.js'
import type { TlsFiles } from '../../../platform/network.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeMetrics } from '../../../platform/node/metrics.js'
import { nodeRandom } from '../../../platform/node/random.js'
import type { Store } from '../../../store/client/types.js'
import { LocalStore } from '../../../store/local-store.js'
import { startApiserver } from '../apiserver.js'
import type { ApiserverOptions } from '../apiserver.js'
import { testAuthority } from '../../../platform/testing/certificates.js'
import type { TestAuthority } from '../../../platform/testing/certificates.js'

export interface TestApiserverOptions {
  /** Default: a LocalStore of its own, closed with the server. */
  readonly store?: Store
  /** To share certificates between servers: what another one has as `authority`. */
  readonly authority?: TestAuthority
  readonly logger?: Logger
  readonly overrides?: Partial<ApiserverOptions>
}

export interface TestApiserver {
  /** https://127.0.0.1:port */
  readonly url: string
  readonly port: number
  readonly store: Store
  readonly authority: TestAuthority
  /** By which tokens of service accounts are signed. */
  readonly accountKeyFile: string
  /** kubernetes-admin of system:masters. */
  readonly admin: TlsFiles
  /** Of the admin; for kubectl --kubeconfig. */
  readonly kubeconfig: string
  /** Certificates of another user, by CN and O: ('system:node:a', ['system:nodes']). */
  identity(commonName: string, organizations?: readonly string[]): Promise<TlsFiles>
  /** A kubeconfig file for an identity. */
  kubeconfigFor(identity: TlsFiles): string
  close(): Promise<void>
}

/** Resolves once /readyz would answer ok: system namespaces are there. */
export async function startTestApiserver(
  options: TestApiserverOptions = {},
): Promise<TestApiserver> {
  const folder = mkdtempSync(join(tmpdir(), 'raftsman-apiserver-'))
  const authority = options.authority ?? (await testAuthority(join(folder, 'pki')))
  const clock = nodeClock()
  const store = options.store ?? new LocalStore({ clock })
  const metrics = nodeMetrics()
  const tls = await authority.issue('apiserver', { commonName: 'kube-apiserver' })
  const kubeletClient = await authority.issue('kubelet-client', {
    commonName: 'kube-apiserver-kubelet-client',
  })
  const proxyAuthority = await testAuthority(join(folder, 'front-proxy'), 'front-proxy')
  const proxyClient = await proxyAuthority.issue('front-proxy-client')
  const server = await startApiserver({
    proxyClient,
    name: 'test',
    host: '127.0.0.1',
    port: 0,
    tls,
    kubeletClient,
    store,
    serviceCidr: '10.96.0.0/16',
    // Any key will do; the server's own spares another file.
    serviceAccountKeyFile: tls.keyFile,
    advertise: null,
    version: {
      version: '0.0.0-test',
      gitCommit: '0000000000000000000000000000000000000000',
      buildDate: '2026-01-01T00:00:00Z',
      runtime: process.version,
      platform: `${process.platform}/${process.arch}`,
    },
    clock,
    random: nodeRandom(),
    logger: options.logger ?? silentLogger,
    metrics,
    metricsText: async () => ({ text: await metrics.text(), contentType: metrics.contentType }),
    ...options.overrides,
  })
  const url = `https://127.0.0.1:${server.port}`
  let files = 0
  const kubeconfigFor = (identity: TlsFiles) => {
    const path = join(folder, `kubeconfig-${files++}`)
    writeFileSync(path, kubeconfigText(url, identity), { mode: 0o600 })
    return path
  }
  const identity = (commonName: string, organizations: readonly string[] = []) =>
    authority.issue(`client-${files++}`, { commonName, organizations })
  const admin = await identity('kubernetes-admin', ['system:masters'])
  await server.ready()
  return {
    url,
    port: server.port,
    store,
    authority,
    accountKeyFile: tls.keyFile,
    admin,
    kubeconfig: kubeconfigFor(admin),
    identity,
    kubeconfigFor,
    async close() {
      await server.close()
      if (options.store === undefined) store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function kubeconfigText(server: string, identity: TlsFiles): string {
  const data = (file: string) => readFileSync(file).toString('base64')
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: { server, 'certificate-authority-data': data(identity.caFile) },
      },
    ],
    users: [
      {
        name: 'test',
        user: {
          'client-certificate-data': data(identity.certFile),
          'client-key-data': data(identity.keyFile),
        },
      },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  })
}
