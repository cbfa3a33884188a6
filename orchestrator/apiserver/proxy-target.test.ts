import { describe, expect, it } from 'vitest'
import { passedHeaders, passedLocation } from './proxy-request.js'
import { parseProxyName, podPlace, servicePlaces } from './proxy-target.js'
import { objectOf } from './testing/objects.js'

describe('the name of what is proxied', () => {
  it.each([
    ['web', '', 'web', ''],
    ['web:80', '', 'web', '80'],
    ['https:web:443', 'https', 'web', '443'],
    ['http:web:', 'http', 'web', ''],
  ])('%s has its parts', (text, scheme, name, port) => {
    expect(parseProxyName('pod', text)).toEqual({ scheme, name, port })
  })

  it.each(['', ':80', 'ftp:web:80', 'a:b:c', 'http:a:1:2'])('%s is none', text => {
    expect(() => parseProxyName('service', text)).toThrow(
      `invalid service request ${JSON.stringify(text)}`,
    )
  })
})

describe('where it is', () => {
  const pod = objectOf(
    'Pod',
    { name: 'p' },
    {
      spec: { containers: [{ name: 'a' }, { name: 'b', ports: [{ containerPort: 8080 }] }] },
      status: { podIP: '127.64.0.2' },
    },
  )
  const service = objectOf(
    'Service',
    { name: 's' },
    {
      spec: {
        ports: [
          { name: 'web', port: 80 },
          { name: 'admin', port: 90 },
        ],
      },
    },
  )
  const endpoints = objectOf(
    'Endpoints',
    { name: 's' },
    {
      subsets: [
        {
          addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }],
          ports: [{ name: 'web', port: 8080 }],
        },
        { notReadyAddresses: [{ ip: '10.0.0.3' }], ports: [{ name: 'admin', port: 9090 }] },
      ],
    },
  )

  it('is the port that was asked for, the first that is declared, or that of the scheme', () => {
    const place = (text: string) => podPlace(pod, parseProxyName('pod', text))
    expect(place('p:99')).toEqual({ secure: false, host: '127.64.0.2', port: 99 })
    expect(place('https:p:')).toEqual({ secure: true, host: '127.64.0.2', port: 8080 })
    const bare = objectOf('Pod', { name: 'p' }, { status: { podIP: '127.64.0.2' } })
    expect(podPlace(bare, parseProxyName('pod', 'https:p:')).port).toBe(443)
    const nowhere = objectOf('Pod', { name: 'p' })
    expect(() => podPlace(nowhere, parseProxyName('pod', 'p'))).toThrow('address not allowed')
  })

  it.each([
    ['s:web', ['10.0.0.1:8080', '10.0.0.2:8080']],
    ['s:80', ['10.0.0.1:8080', '10.0.0.2:8080']],
    ['s:admin', 'no endpoints available for service "s"'],
    ['s:90', 'no endpoints available for service "s"'],
    ['s:81', 'no service port 81 found for service "s"'],
    ['s', 'no endpoints available for service "s"'],
  ])('of %s is an endpoint that is ready', (text, expected) => {
    const places = () => servicePlaces(service, endpoints, parseProxyName('service', text))
    if (typeof expected === 'string') expect(places).toThrow(expected)
    else expect(places().map(({ host, port }) => `${host}:${port}`)).toEqual(expected)
  })
})

describe('what passes', () => {
  it('are headers of the call, and neither credentials nor those of a connection', () => {
    const headers = new Map([
      ['accept', 'text/html'],
      ['authorization', 'Bearer secret'],
      ['connection', 'keep-alive, X-Mine'],
      ['cookie', 'a=b'],
      ['host', 'api:6443'],
      ['impersonate-user', 'root'],
      ['upgrade', 'websocket'],
      ['x-mine', '1'],
    ])
    const head = { method: 'GET', url: '/', headers, peer: null, remote: '10.1.1.1:5000' }
    const signal = { abandoned: false, onAbandon: () => {} }
    const request = { ...head, body: new Uint8Array(), signal }
    expect(passedHeaders(request, '/proxy/x')).toEqual({
      accept: 'text/html',
      cookie: 'a=b',
      'x-forwarded-for': '10.1.1.1',
      'x-forwarded-host': 'api:6443',
      'x-forwarded-proto': 'https',
      'x-forwarded-uri': '/proxy/x',
    })
  })

  it.each([
    ['/login?a=b', '/p/login?a=b'],
    ['next', '/p/folder/next'],
    ['http://10.0.0.1:8080/x', '/p/x'],
    ['https://elsewhere/x', 'https://elsewhere/x'],
    ['http://[', 'http://['],
  ])('is a redirect to %s as %s', (location, expected) => {
    const target = { secure: false, host: '10.0.0.1', port: 8080, path: '/folder/page' }
    expect(passedLocation(location, target, '/p')).toBe(expected)
  })
})
