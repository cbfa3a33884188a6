// A control plane for tests of one controller: a real API server, controllers, a scheduler, and nodes that run nothing.

import { readFileSync } from 'node:fs'
import { silentLogger } from '../../../platform/logger.js'
import type { TlsFiles } from '../../../platform/network.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeMetrics } from '../../../platform/node/metrics.js'
import { nodeRandom } from '../../../platform/node/random.js'
import { openCertificateSigner } from '../../../cli/pki/certificate-signer.js'
import { tokenSigner } from '../../apiserver/service-account-tokens.js'
import { startTestApiserver } from '../../apiserver/testing/start-apiserver.js'
import type { TestApiserver } from '../../apiserver/testing/start-apiserver.js'
import { HttpTransport } from '../../client/http-transport.js'
import { ApiClient } from '../../client/rest-client.js'
import { type RunningScheduler, startScheduler } from '../../scheduler/start-scheduler.js'
import { type ControllersOptions, startControllers } from '../start-controllers.js'
import { type FakeKubelet, startFakeKubelet } from './fake-kubelet.js'

export interface ControlPlaneForTests {
  readonly server: TestApiserver
  /** kubernetes-admin's. */
  readonly client: ApiClient
  /** Null where there is none. */
  readonly scheduler: RunningScheduler | null
  readonly kubelets: ReadonlyMap<string, FakeKubelet>
  /** One node more, with the labels of all. */
  addNode(name: string): Promise<void>
  /** Throws where an invariant was broken. */
  stop(): Promise<void>
}

export interface ControlPlaneOptions {
  /** Shorter times, and whatever else a test has the controllers do otherwise. */
  readonly controllers?: Partial<ControllersOptions>
  /** Of every node. */
  readonly labels?: Readonly<Record<string, string>>
  /** False leaves pods where they are made: the test is who binds and ends them. */
  readonly scheduler?: boolean
}

export async function startControlPlane(
  nodes: readonly string[],
  options: ControlPlaneOptions = {},
): Promise<ControlPlaneForTests> {
  const server = await startTestApiserver()
  const transports: HttpTransport[] = []
  const transportOf = (identity: TlsFiles): HttpTransport => {
    const read = (file: string) => readFileSync(file, 'utf8')
    const transport = new HttpTransport({
      servers: [server.url],
      tls: {
        ca: read(identity.caFile),
        cert: read(identity.certFile),
        key: read(identity.keyFile),
      },
      userAgent: 'test',
      clock: nodeClock(),
      logger: silentLogger,
    })
    transports.push(transport)
    return transport
  }
  const fatal: unknown[] = []
  const shared = {
    clock: nodeClock(),
    random: nodeRandom(),
    logger: silentLogger,
    onFatal: (error: unknown) => fatal.push(error),
    identity: 'a',
  }
  const client = new ApiClient({ transport: transportOf(server.admin) })
  const controllers = await startControllers({
    ...shared,
    metrics: nodeMetrics(),
    transport: transportOf(await server.identity('system:kube-controller-manager')),
    rootCa: server.authority.caPem,
    accountTokenSigner: tokenSigner(readFileSync(server.accountKeyFile, 'utf8')),
    certificateSigner: await openCertificateSigner({
      certFile: server.authority.caFile,
      keyFile: server.authority.caKeyFile,
    }),
    ...options.controllers,
  })
  const scheduler =
    options.scheduler === false
      ? null
      : await startScheduler({
          ...shared,
          metrics: nodeMetrics(),
          transport: transportOf(await server.identity('system:kube-scheduler')),
        })
  const kubelets = new Map<string, FakeKubelet>()
  const addNode = async (name: string) => {
    kubelets.set(name, await startFakeKubelet(client, name, options.labels))
  }
  for (const name of nodes) await addNode(name)
  return {
    server,
    client,
    scheduler,
    kubelets,
    addNode,
    async stop() {
      for (const kubelet of kubelets.values()) kubelet.crash()
      await controllers.stop()
      await scheduler?.stop()
      for (const transport of transports) transport.close()
      await server.close()
      if (fatal.length > 0) throw new Error(`broken invariants: ${fatal.map(String).join(', ')}`)
    },
  }
}
