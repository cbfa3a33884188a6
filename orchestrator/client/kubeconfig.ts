// A kubeconfig as a connection: address, authority and credentials of its current context.
// Counterpart: client-go's tools/clientcmd. Left out: exec plugins, auth providers, merging of
// several files, plain HTTP; each is refused with a sentence.

import { parse } from 'yaml'
import { RaftsmanError } from '../../platform/errors.js'
import { isObject } from './api-error.js'
import type { ConnectionTls } from './http-connection.js'
import type { Json, JsonObject } from '../api/object.js'

export interface Kubeconfig {
  readonly server: string
  readonly tls: ConnectionTls
  readonly bearerToken?: string
  /** Namespace of the context; "default" where it names none. */
  readonly namespace: string
}

export class KubeconfigError extends RaftsmanError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'kubeconfig-invalid', retryable: false, outcome: 'not-applied', cause })
  }
}

/** `readFile` gets the paths named in the file as they stand there. */
export function parseKubeconfig(text: string, readFile: (path: string) => string): Kubeconfig {
  const config = parsed(text)
  const contextName = stringOf(config, 'current-context')
  if (!contextName) throw new KubeconfigError('kubeconfig has no current-context')
  const context = named(config, 'contexts', contextName, 'context')
  const cluster = named(config, 'clusters', stringOf(context, 'cluster') ?? '', 'cluster')
  const user = named(config, 'users', stringOf(context, 'user') ?? '', 'user')
  const server = stringOf(cluster, 'server') ?? ''
  if (!server.startsWith('https://')) {
    throw new KubeconfigError(`kubeconfig server "${server}" is not an https:// address`)
  }
  if (cluster['insecure-skip-tls-verify'] === true) {
    throw new KubeconfigError('kubeconfig skips TLS verification: name a certificate authority')
  }
  const pem = (from: JsonObject, field: string): string | undefined => {
    const inline = stringOf(from, `${field}-data`)
    if (inline) return Buffer.from(inline, 'base64').toString('utf8')
    const path = stringOf(from, field)
    return path ? readFile(path) : undefined
  }
  const ca = pem(cluster, 'certificate-authority')
  if (!ca) throw new KubeconfigError('kubeconfig names no certificate authority')
  const cert = pem(user, 'client-certificate')
  const key = pem(user, 'client-key')
  const tokenFile = stringOf(user, 'tokenFile')
  const token = tokenFile ? readFile(tokenFile).trim() : stringOf(user, 'token')
  if (!token && !(cert && key)) {
    throw new KubeconfigError('kubeconfig user has neither client certificate and key nor a token')
  }
  const serverName = stringOf(cluster, 'tls-server-name')
  return {
    server,
    tls: {
      ca,
      ...(cert && key ? { cert, key } : {}),
      ...(serverName ? { serverName } : {}),
    },
    ...(token ? { bearerToken: token } : {}),
    namespace: stringOf(context, 'namespace') ?? 'default',
  }
}

function parsed(text: string): JsonObject {
  let config: Json
  try {
    config = parse(text) as Json
  } catch (cause) {
    throw new KubeconfigError('kubeconfig is not YAML', cause)
  }
  if (!isObject(config)) throw new KubeconfigError('kubeconfig is not a YAML mapping')
  return config
}

function stringOf(from: JsonObject, field: string): string | undefined {
  const value = from[field]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function named(config: JsonObject, list: string, name: string, field: string): JsonObject {
  const entries = config[list]
  const found = (Array.isArray(entries) ? (entries as readonly Json[]) : []).find(
    entry => isObject(entry) && entry['name'] === name,
  )
  const value = isObject(found) ? found[field] : undefined
  if (!isObject(value)) throw new KubeconfigError(`kubeconfig has no ${field} named "${name}"`)
  return value
}
