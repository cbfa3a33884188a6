import { expect, test } from 'vitest'
import { parseKubeconfig } from './kubeconfig.js'

const base64 = (text: string) => Buffer.from(text).toString('base64')

function config(cluster: string, user: string): string {
  return `
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: c, user: u, namespace: shop}}]
clusters: [{name: c, cluster: {${cluster}}}]
users: [{name: u, user: {${user}}}]
`
}

const files: Record<string, string> = { 'ca.crt': 'CA', 'c.crt': 'CERT', 'c.key': 'KEY' }
const readFile = (path: string) => files[path] ?? ''

test('certificates are taken inline', () => {
  const text = config(
    `server: "https://h:1", certificate-authority-data: ${base64('CA')}`,
    `client-certificate-data: ${base64('CERT')}, client-key-data: ${base64('KEY')}`,
  )
  expect(parseKubeconfig(text, readFile)).toEqual({
    server: 'https://h:1',
    tls: { ca: 'CA', cert: 'CERT', key: 'KEY' },
    namespace: 'shop',
  })
})

test('certificates are read from files', () => {
  const text = config(
    'server: "https://h:1", certificate-authority: ca.crt',
    'client-certificate: c.crt, client-key: c.key',
  )
  expect(parseKubeconfig(text, readFile).tls).toEqual({ ca: 'CA', cert: 'CERT', key: 'KEY' })
})

const bad: readonly [string, string, string][] = [
  ['not yaml: [', 'kubeconfig is not YAML', 'text that is no YAML'],
  ['[]', 'not a YAML mapping', 'a list'],
  ['kind: Config', 'no current-context', 'no context'],
  [config('server: "http://h:1"', 'token: t'), 'not an https:// address', 'plain HTTP'],
  [config('server: "https://h"', 'token: t'), 'no certificate authority', 'no authority'],
  [
    config('server: "https://h", certificate-authority: ca.crt', ''),
    'neither client certificate and key nor a token',
    'no credentials',
  ],
  [
    config('server: "https://h", insecure-skip-tls-verify: true', 'token: t'),
    'skips TLS verification',
    'unverified TLS',
  ],
]
for (const [text, sentence, name] of bad) {
  test(`${name} is refused with a sentence`, () => {
    expect(() => parseKubeconfig(text, readFile)).toThrow(sentence)
  })
}
