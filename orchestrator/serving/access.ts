// Who may ask a component of the cluster: a client with a certificate of the cluster, or with a token that an
// API server knows, to whom an API server's rules allow the path. Answers are believed for ten seconds.
// Counterpart: DelegatingAuthenticationOptions and DelegatingAuthorizationOptions of k8s.io/apiserver.

import type { Clock } from '../../platform/clock.js'
import type { SubjectAccessReview } from '../api/types/authorization.js'
import type { TokenReview } from '../api/types/authentication.js'
import { subjectAccessReviews, tokenReviews } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'

export interface PeerSubject {
  readonly commonName: string
  readonly organizations: readonly string[]
}

export interface AccessQuestion {
  /** As in "get". */
  readonly verb: string
  /** Without query, as in "/metrics". */
  readonly path: string
  /** Of a certificate that was verified; null without one. */
  readonly peer: PeerSubject | null
  readonly token: string | null
}

/** Null: go on. */
export type Refusal = { readonly status: 401 | 403 | 503; readonly message: string } | null

export interface Access {
  decide(question: AccessQuestion): Promise<Refusal>
}

interface User {
  readonly name: string
  readonly groups: readonly string[]
}

interface Believed<T> {
  readonly value: T
  readonly untilMs: number
}

/** API servers ask for users whom they have let through; nobody else has their certificate. */
const apiserverIdentity = 'kube-apiserver-kubelet-client'
const believedMs = 10_000
const believedMax = 1_000
const tokenBytesMax = 16 * 1024

export class DelegatedAccess implements Access {
  readonly #client: ApiClient
  readonly #clock: Clock
  readonly #users = new Map<string, Believed<User | null>>()
  readonly #verdicts = new Map<string, Believed<boolean>>()

  /** `client` may create TokenReviews and SubjectAccessReviews, as system:auth-delegator may. */
  constructor(client: ApiClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  async decide({ verb, path, peer, token }: AccessQuestion): Promise<Refusal> {
    if (peer?.commonName === apiserverIdentity) return null
    try {
      const user = peer === null ? await this.#userOf(token) : userOf(peer)
      if (user === null) return { status: 401, message: 'Unauthorized' }
      if (await this.#mayDo(user, verb, path)) return null
      const message = `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path)}`
      return { status: 403, message }
    } catch (error) {
      // Without an answer nobody is let in, and nothing is believed.
      const reason = error instanceof Error ? error.message : String(error)
      return { status: 503, message: `the API cannot be asked who may do this: ${reason}` }
    }
  }

  async #userOf(token: string | null): Promise<User | null> {
    if (token === null || token.length > tokenBytesMax) return null
    return this.#believe(this.#users, token, async () => {
      const review: TokenReview = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        metadata: {},
        spec: { token },
      }
      const { status } = await this.#client.create(tokenReviews, review)
      if (status?.authenticated !== true) return null
      return { name: status.user?.username ?? '', groups: status.user?.groups ?? [] }
    })
  }

  #mayDo(user: User, verb: string, path: string): Promise<boolean> {
    const key = JSON.stringify([user.name, user.groups, verb, path])
    return this.#believe(this.#verdicts, key, async () => {
      const review: SubjectAccessReview = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        metadata: {},
        spec: {
          user: user.name,
          groups: [...user.groups],
          nonResourceAttributes: { verb, path },
        },
      }
      const { status } = await this.#client.create(subjectAccessReviews, review)
      return status?.allowed === true
    })
  }

  async #believe<T>(
    known: Map<string, Believed<T>>,
    key: string,
    ask: () => Promise<T>,
  ): Promise<T> {
    const nowMs = this.#clock.monotonicMs()
    const before = known.get(key)
    if (before !== undefined && nowMs < before.untilMs) return before.value
    const value = await ask()
    known.delete(key)
    if (known.size >= believedMax) {
      const oldest = known.keys().next().value
      if (oldest !== undefined) known.delete(oldest)
    }
    known.set(key, { value, untilMs: this.#clock.monotonicMs() + believedMs })
    return value
  }
}

function userOf({ commonName, organizations }: PeerSubject): User {
  return { name: commonName, groups: [...organizations, 'system:authenticated'] }
}
