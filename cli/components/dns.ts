// `raftsman dns`: a DNS server of the cluster alone, for a pod or a machine of its own.

import type { Command } from 'commander'
import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { HttpTransport } from '../../orchestrator/client/http-transport.js'
import { ApiClient } from '../../orchestrator/client/rest-client.js'
import { SharedInformers } from '../../orchestrator/client/shared-informers.js'
import { startDns } from '../../orchestrator/dns/start-dns.js'
import { UserError } from '../user-error.js'
import { version } from '../version.js'
import { openTransport } from './api-client.js'
import {
  type ComponentFlags,
  type ComponentParts,
  componentFlags,
  requiredTls,
  runComponent,
  type Running,
  tlsFlags,
} from './component.js'
import { dnsUpstreamsFlag, type HostAndPort, machineUpstreams } from './network-flags.js'
import { listenAddress } from './loop-server.js'

interface Flags extends ComponentFlags {
  readonly apiserver?: string
  readonly listen: string
  readonly healthListen?: string
  readonly clusterDomain: string
  readonly serviceAddress?: string
  readonly accountFolder: string
  readonly upstreams?: readonly HostAndPort[]
}

const usualAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'
const tokenAgeMsMax = 60_000

export function define(command: Command): void {
  componentFlags(command)
    .requiredOption('--listen <address>', 'host:port of the names, as in 0.0.0.0:53')
    .option('--apiserver <urls>', 'API servers; default: as a pod finds them, by its account')
    .option('--account-folder <folder>', 'what a pod is given of its account', usualAccountFolder)
    .option('--cluster-domain <name>', "end of the cluster's names", 'cluster.local')
    .option('--service-address <address>', 'by which clients know this server; for NS records')
    .option('--health-listen <address>', 'host:port of /health, /ready and /metrics')
  dnsUpstreamsFlag(command, 'upstreams')
  tlsFlags(command, 'client-', 'towards the API, with --apiserver')
  command.action((flags: Flags) => runComponent('dns', flags, parts => start(flags, parts)))
}

function start(flags: Flags, parts: ComponentParts): Promise<Running> {
  const { clock, random, logger, metrics } = parts
  const listen = listenAddress(flags.listen)
  const transport =
    flags.apiserver === undefined
      ? podTransport(flags.accountFolder, parts)
      : openTransport(flags.apiserver, requiredTls(flags, 'client'), 'dns', parts)
  const informers = new SharedInformers({
    client: new ApiClient({ transport }),
    clock,
    random,
    logger,
  })
  const address = flags.serviceAddress ?? listen.host
  const dns = startDns(
    {
      listen,
      clusterDomain: flags.clusterDomain,
      serverAddresses: [address],
      upstreams: flags.upstreams ?? machineUpstreams(new Set([address, listen.host])),
    },
    { informers, clock, random, logger, metrics },
  )
  const health =
    flags.healthListen === undefined
      ? null
      : serveHealth(listenAddress(flags.healthListen), () => dns.ready(), parts)
  informers.start()
  return Promise.resolve({
    stop() {
      health?.close()
      health?.closeAllConnections()
      dns.stop()
      informers.stop()
      transport.close()
      return Promise.resolve()
    },
  })
}

function podTransport(accountFolder: string, { clock, logger }: ComponentParts): HttpTransport {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env
  const tokenFile = join(accountFolder, 'token')
  if (host === undefined || port === undefined || !existsSync(tokenFile)) {
    throw new UserError('This is no pod with an account: name the API with --apiserver.')
  }
  let token = ''
  let readAtMs = Number.NEGATIVE_INFINITY
  return new HttpTransport({
    servers: [`https://${host.includes(':') ? `[${host}]` : host}:${port}`],
    tls: { ca: readFileSync(join(accountFolder, 'ca.crt'), 'utf8') },
    bearerToken() {
      if (clock.monotonicMs() - readAtMs > tokenAgeMsMax) {
        token = readFileSync(tokenFile, 'utf8').trim()
        readAtMs = clock.monotonicMs()
      }
      return token
    },
    userAgent: `raftsman-dns/${version}`,
    clock,
    logger,
  })
}

/** For probes: alive at once, ready when the state of the cluster is known. */
function serveHealth(
  { host, port }: HostAndPort,
  ready: () => boolean,
  { metrics, logger }: ComponentParts,
): http.Server {
  const server = http.createServer((request, response) => {
    if (request.url === '/metrics') {
      void metrics.text().then(text => {
        response.writeHead(200, { 'content-type': metrics.contentType }).end(text)
      })
      return
    }
    const status =
      request.url === '/health' ? 200 : request.url === '/ready' ? (ready() ? 200 : 503) : 404
    response.writeHead(status).end(status === 200 ? 'OK' : undefined)
  })
  server.on('error', error => logger.warn({ error: error.message }, 'health port not open'))
  return server.listen({ host, port })
}
