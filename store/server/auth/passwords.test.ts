import { describe, expect, it, test } from 'vitest'
import { seededRandom } from '../../../platform/seeded-random.js'
import type { DeriveKey } from './passwords.js'
import { Passwords, hashOfText } from './passwords.js'

const always = () => true
const cheap = { logN: 4, r: 1, p: 1 }
const passwords = (derive?: DeriveKey) =>
  new Passwords({ random: seededRandom(1), cost: cheap, derive })

const hashed = (desk: Passwords, password: string): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    desk.hash(password, always, (error, hash) => (error === null ? resolve(hash) : reject(error)))
  })
const verified = (desk: Passwords, password: string, hash: Uint8Array | null): Promise<boolean> =>
  new Promise((resolve, reject) => {
    desk.verify(password, hash, always, (error, right) =>
      error === null ? resolve(right) : reject(error),
    )
  })

describe('a password', () => {
  it('is known again by its hash, and no other is', async () => {
    const desk = passwords()
    const hash = await hashed(desk, 'pässword')
    expect(await verified(desk, 'pässword', hash)).toBe(true)
    expect(await verified(desk, 'password', hash)).toBe(false)
    expect(await verified(desk, '', hash)).toBe(false)
    expect(await verified(desk, 'pässword', null)).toBe(false)
  })

  it('may be empty, as in etcd', async () => {
    const desk = passwords()
    expect(await verified(desk, '', await hashed(desk, ''))).toBe(true)
  })

  it('has another hash every time', async () => {
    const desk = passwords()
    const [one, two] = [await hashed(desk, 'p'), await hashed(desk, 'p')]
    expect(one).not.toEqual(two)
    expect(Buffer.from(one).toString()).toMatch(/^\$scrypt\$ln=4,r=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  })

  it('hashed at another cost is known all the same', async () => {
    const strong = new Passwords({ random: seededRandom(2), cost: { logN: 6, r: 2, p: 2 } })
    expect(await verified(passwords(), 'p', await hashed(strong, 'p'))).toBe(true)
  })
})

test.each([
  { logN: 1, r: 1, p: 1 },
  { logN: 1, r: 16, p: 16 },
  { logN: 15, r: 1, p: 16 },
  { logN: 12, r: 16, p: 1 },
])('a password can be hashed at any cost that is taken: %o', async cost => {
  const desk = new Passwords({ random: seededRandom(1), cost })
  expect(
    await verified(desk, 'p', hashOfText(Buffer.from(await hashed(desk, 'p')).toString())),
  ).toBe(true)
})

test('a cost that cannot be computed fails the request and nothing else', async () => {
  const desk = new Passwords({ random: seededRandom(1), cost: { logN: 16, r: 1, p: 1 } })
  await expect(hashed(desk, 'p')).rejects.toThrow('try again')
})

describe('a hash from a client', () => {
  it('is taken as text, or as that in base64', async () => {
    const desk = passwords()
    const text = Buffer.from(await hashed(desk, 'p')).toString()
    for (const sent of [text, Buffer.from(text).toString('base64')]) {
      expect(await verified(desk, 'p', hashOfText(sent))).toBe(true)
    }
  })

  it.each([
    ['nothing', ''],
    ['bcrypt', '$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'],
    ['more memory than is given', `$scrypt$ln=20,r=16,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`],
    ['what cannot be computed', `$scrypt$ln=16,r=1,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`],
    ['no work at all', `$scrypt$ln=0,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`],
    ['a hash that is cut', `$scrypt$ln=4,r=1,p=1$${'A'.repeat(22)}$${'A'.repeat(42)}`],
    ['a line more', `$scrypt$ln=4,r=1,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}\n`],
  ])('of %s is refused, and not repeated in the error', (_what, text) => {
    expect(() => hashOfText(text)).toThrow(expect.objectContaining({ code: 'malformed' }))
    try {
      hashOfText(text)
    } catch (error) {
      if (text !== '') expect(String(error)).not.toContain(text)
    }
  })
})

test('one password is worked on at a time, those that nobody waits for never', () => {
  const started: string[] = []
  const finish: (() => void)[] = []
  const desk = passwords((password, _salt, _cost, done) => {
    started.push(password)
    finish.push(() => done(null, new Uint8Array(32)))
  })
  let gone = false
  const done: string[] = []
  const ask = (password: string, wanted = always) =>
    desk.verify(password, null, wanted, () => done.push(password))
  ask('a')
  ask('b', () => !gone)
  ask('c')
  expect(started).toEqual(['a'])
  gone = true
  finish[0]?.()
  expect(done).toEqual(['a'])
  expect(started).toEqual(['a', 'c'])
})

test('more passwords than may wait are refused, and what waits is not lost', () => {
  const finish: (() => void)[] = []
  const desk = passwords((_password, _salt, _cost, done) => {
    finish.push(() => done(null, new Uint8Array(32)))
  })
  let done = 0
  const ask = () => {
    desk.verify('p', null, always, () => {
      done += 1
    })
  }
  for (let at = 0; at < 65; at++) ask()
  expect(ask).toThrow(expect.objectContaining({ code: 'too-many-requests', retryable: true }))
  while (finish.length > 0) finish.shift()?.()
  expect(done).toBe(65)
})

test('a hash that cannot be computed fails one login and no other', () => {
  let calls = 0
  const desk = passwords((_password, _salt, _cost, done) => {
    calls += 1
    if (calls === 1) done(new Error('no memory'), new Uint8Array())
    else done(null, new Uint8Array(32))
  })
  const errors: (string | null)[] = []
  desk.verify('p', null, always, error => errors.push(error?.code ?? null))
  desk.hash('p', always, error => errors.push(error?.code ?? null))
  expect(errors).toEqual(['too-many-requests', null])
})
