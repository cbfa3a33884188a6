import { describe, expect, it } from 'vitest'
import { credentialsFor, imagePlace } from './image-credentials.js'
import { isImageName } from './image-name.js'

describe('the name of an image', () => {
  it.each([
    'busybox',
    'busybox:1.36',
    'library/busybox',
    'docker.io/library/busybox:latest',
    'localhost:5000/a/b_c.d-e:v1',
    'Registry.example/app',
    '[::1]:5000/app',
    `app@sha256:${'a'.repeat(64)}`,
    `registry.example/app:tag@sha256:${'0'.repeat(64)}`,
  ])('may be %s', name => {
    expect(isImageName(name)).toBe(true)
  })

  it.each([
    '',
    'Busybox',
    'bad name',
    'a//b',
    '-a',
    'a:',
    'a:-x',
    'a@sha256:123',
    'http://a/b',
    `${'a/'.repeat(400)}a`,
  ])('may not be %j', name => {
    expect(isImageName(name)).toBe(false)
  })

  it.each([
    ['busybox', 'index.docker.io/busybox'],
    ['docker.io/library/busybox:1', 'index.docker.io/library/busybox'],
    ['team/app@sha256:00', 'index.docker.io/team/app'],
    ['localhost/app', 'localhost/app'],
    ['registry.example:5000/team/app:v1', 'registry.example:5000/team/app'],
  ])('%s stands for the place %s', (image, place) => {
    expect(imagePlace(image)).toBe(place)
  })
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const secretOf = (key: string, value: unknown) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's' },
  data: { [key]: base64(typeof value === 'string' ? value : JSON.stringify(value)) },
})

const pulling = (auths: Record<string, unknown>) => secretOf('.dockerconfigjson', { auths })
const usersFor = (image: string, ...secrets: ReturnType<typeof secretOf>[]): readonly string[] =>
  credentialsFor(image, secrets).map(({ username }) => username)

describe('credentials for an image', () => {
  it.each<[string, string, string, boolean]>([
    ['the same host', 'registry.example', 'registry.example/app', true],
    ['another host', 'registry.example', 'other.example/app', false],
    ['a host with a port', 'registry.example:5000', 'registry.example/app', false],
    ['an address', 'https://registry.example/v2/', 'registry.example/app', true],
    ['one path', 'registry.example/team', 'registry.example/team/app', true],
    ['another path', 'registry.example/team', 'registry.example/teams/app', false],
    ['stars for a label', '*.example', 'registry.example/app', true],
    ['stars for no more than a label', '*.example', 'a.b.example/app', false],
    ['stars within a label', 'r*y.example', 'registry.example/app', true],
    ['the registry of bare names', 'https://index.docker.io/v1/', 'busybox', true],
    ['that registry by its other name', 'docker.io', 'team/app:v1', true],
  ])('of %s', (_, place, image, matches) => {
    const secret = pulling({ [place]: { username: 'u', password: 'p' } })
    expect(usersFor(image, secret)).toEqual(matches ? ['u'] : [])
  })

  it('are tried from the most exact place on', () => {
    const wide = pulling({ 'registry.example': { username: 'wide', password: '' } })
    const narrow = pulling({ 'registry.example/team/app': { username: 'narrow', password: '' } })
    expect(usersFor('registry.example/team/app:1', wide, narrow)).toEqual(['narrow', 'wide'])
  })

  it('are read in every form that clients write', () => {
    const old = secretOf('.dockercfg', { 'r.example': { auth: base64('u:p:w') } })
    expect(credentialsFor('r.example/a', [old])).toEqual([
      { username: 'u', password: 'p:w', identityToken: '' },
    ])
    const token = pulling({ 'r.example': { identitytoken: 't' } })
    expect(credentialsFor('r.example/a', [token])).toEqual([
      { username: '', password: '', identityToken: 't' },
    ])
  })

  it.each(['', 'no json', '[]', '{"auths": []}', '{"auths": {"r.example": 1}}'])(
    'are none where the secret holds %j',
    text => {
      expect(usersFor('r.example/a', secretOf('.dockerconfigjson', text))).toEqual([])
    },
  )
})
