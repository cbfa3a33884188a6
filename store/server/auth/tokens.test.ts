import { describe, expect, it } from 'vitest'
import { Tokens } from './tokens.js'

const secret = Buffer.alloc(32, 1)
const claims = { user: 'änna', authRevision: 9, expiresMs: 1_700_000_000_123 }

describe('a token', () => {
  it('says on every member what was signed on one', () => {
    const token = new Tokens().sign(secret, claims)
    expect(token).toMatch(/^[\w-]+\.[\w-]{43}$/)
    // The secret came out of another member's log.
    expect(new Tokens().verify(Buffer.from(secret), token)).toEqual(claims)
  })

  it('says nothing under another secret, also on a member that has read it before', () => {
    const tokens = new Tokens()
    const token = tokens.sign(secret, claims)
    expect(tokens.verify(secret, token)).toEqual(claims)
    expect(tokens.verify(Buffer.alloc(32, 2), token)).toBeNull()
    expect(tokens.verify(new Uint8Array(), token)).toBeNull()
  })

  it('cannot be signed without a secret', () => {
    const token = new Tokens().sign(new Uint8Array(), claims)
    expect(new Tokens().verify(new Uint8Array(), token)).toBeNull()
  })

  it('of which any character is another says nothing', () => {
    const token = new Tokens().sign(secret, claims)
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'Q' : 'A'
      const forged = token.slice(0, at) + other + token.slice(at + 1)
      if (forged !== token) expect(new Tokens().verify(secret, forged)).toBeNull()
    }
  })

  it.each(['', '.', 'a', 'a.b', 'simple.12', `${'a'.repeat(2_000)}.b`, 'ö.ö', 'a.b.c'])(
    'that is none says nothing: %s',
    text => {
      expect(new Tokens().verify(secret, text)).toBeNull()
    },
  )

  it('is read anew when too many others were read since', () => {
    const tokens = new Tokens()
    const first = tokens.sign(secret, claims)
    expect(tokens.verify(secret, first)).toEqual(claims)
    for (let at = 0; at < 1_100; at++) {
      const token = tokens.sign(secret, { ...claims, authRevision: at })
      expect(tokens.verify(secret, token)?.authRevision).toBe(at)
    }
    expect(tokens.verify(secret, first)).toEqual(claims)
  })
})
