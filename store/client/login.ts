// Who a client is, for all of its connections: a user with a password, for which members give tokens,
// or a token from elsewhere. A token is good with every member, so a change of member costs no
// password; one that has run out is replaced behind the user's back.

import type { ClientMessage, ServerMessage, WireError } from '../protocol.js'

export type Credentials =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }

/** Ids of calls begin at 1. */
const loginId = 0
/** A token that is refused, a password for another, and that refused: something else is wrong. */
const attemptsMax = 3
/** Members take passwords one after the other. */
export const loginMsMax = 15_000

/** What the member says when only a (new) token helps. Nothing was applied. */
const needsLogin: ReadonlySet<string> = new Set(['invalid-auth-token', 'user-empty'])
export const isLoginTrouble = (code: string): boolean => needsLogin.has(code)

/** Of all connections of a client: the newest token any of them was given. */
export class Login {
  token: string | null
  readonly #credentials: Credentials

  constructor(credentials: Credentials) {
    this.#credentials = credentials
    this.token = 'token' in credentials ? credentials.token : null
  }

  /** Null: there is only the token. */
  get password(): { readonly user: string; readonly password: string } | null {
    return 'token' in this.#credentials ? null : this.#credentials
  }
}

export interface LinkLoginEvents {
  readonly send: (message: ClientMessage) => void
  readonly onDone: () => void
  /** `retryable` where the same may succeed a little later. */
  readonly onFailed: (error: WireError) => void
}

/** The login of one connection, which may have to be done again while it lasts. */
export class LinkLogin {
  readonly #login: Login
  readonly #events: LinkLoginEvents
  /** With which the member knows us; null: not yet, or authentication is off. */
  #token: string | null = null
  #attempts = 0
  #busy = false

  constructor(login: Login, events: LinkLoginEvents) {
    this.#login = login
    this.#events = events
  }

  /** Requests would be refused meanwhile. */
  get busy(): boolean {
    return this.#busy
  }

  begin(): void {
    if (this.#busy) return
    this.#busy = true
    this.#attempts = 0
    this.#next()
  }

  /** After a request was refused for want of a token that counts. False: there is no other one. */
  renew(): boolean {
    if (this.#busy) return true
    // Another connection may have a newer one already.
    if (this.#login.token === this.#token) this.#login.token = null
    if (this.#login.token === null && this.#login.password === null) return false
    this.begin()
    return true
  }

  /** True when the message was about the login. */
  take(message: ServerMessage): boolean {
    if (message.kind === 'error' && message.id === loginId) {
      this.#refused(message.error)
      return true
    }
    if (message.kind !== 'answer' || message.answer.id !== loginId) return false
    const { answer } = message
    if (answer.kind === 'authenticate') {
      this.#login.token = answer.response.token
      this.#next()
    } else this.#done()
    return true
  }

  #next(): void {
    const { token, password } = this.#login
    this.#token = token
    if (token !== null) this.#events.send({ kind: 'useToken', id: loginId, token })
    else if (password !== null)
      this.#events.send({ kind: 'authenticate', id: loginId, ...password })
  }

  #refused(error: WireError): void {
    // Whoever cannot log in because nobody has to is logged in.
    if (error.code === 'auth-not-enabled') {
      this.#done()
      return
    }
    if (isLoginTrouble(error.code) && this.#login.password !== null) {
      this.#attempts += 1
      if (this.#login.token === this.#token) this.#login.token = null
      if (this.#attempts < attemptsMax) {
        this.#next()
        return
      }
    }
    this.#busy = false
    this.#events.onFailed(error)
  }

  #done(): void {
    this.#busy = false
    this.#events.onDone()
  }
}
