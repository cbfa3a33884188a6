import { describe, expect, test } from 'vitest'
import { parseRequestInfo, urlCharactersMax } from './request-info.js'

const table: readonly (readonly [string, string, string])[] = [
  ['GET', '/api/v1/pods', 'list core/v1 pods'],
  ['GET', '/api/v1/pods?watch=true', 'watch core/v1 pods'],
  ['GET', '/api/v1/pods?watch=1', 'watch core/v1 pods'],
  ['GET', '/api/v1/pods?watch', 'watch core/v1 pods'],
  ['GET', '/api/v1/pods?watch=false', 'list core/v1 pods'],
  ['GET', '/api/v1/namespaces/a/pods/b', 'get core/v1 pods ns=a name=b'],
  ['GET', '/api/v1/namespaces/a/pods/b?watch=true', 'get core/v1 pods ns=a name=b'],
  ['GET', '/api/v1/namespaces/a/pods/b/log', 'get core/v1 pods/log ns=a name=b'],
  ['GET', '/api/v1/namespaces/a', 'get core/v1 namespaces ns=a name=a'],
  ['GET', '/api/v1/namespaces', 'list core/v1 namespaces'],
  ['PUT', '/api/v1/namespaces/a/finalize', 'update core/v1 namespaces/finalize ns=a name=a'],
  ['PATCH', '/api/v1/namespaces/a/status', 'patch core/v1 namespaces/status ns=a name=a'],
  ['POST', '/api/v1/namespaces/a/pods', 'create core/v1 pods ns=a'],
  ['POST', '/api/v1/namespaces/a/pods/b/eviction', 'create core/v1 pods/eviction ns=a name=b'],
  ['DELETE', '/api/v1/namespaces/a/pods', 'deletecollection core/v1 pods ns=a'],
  ['DELETE', '/apis/apps/v1/namespaces/a/deployments/d', 'delete apps/v1 deployments ns=a name=d'],
  ['HEAD', '/apis/apps/v1/deployments', 'list apps/v1 deployments'],
  ['GET', '/api/v1/watch/namespaces/a/pods', 'watch core/v1 pods ns=a'],
  ['GET', '/api/v1/watch/namespaces/a/pods/b', 'watch core/v1 pods ns=a name=b'],
  ['GET', '/api/v1/nodes/n/proxy/logs/x', 'get core/v1 nodes/proxy name=n sub=/logs/x'],
  ['GET', '/api/v1/namespaces/a/pods/b%2Dc', 'get core/v1 pods ns=a name=b-c'],
  ['GET', '//api//v1/pods/', 'list core/v1 pods'],
  ['GET', '/', 'path / get'],
  ['GET', '/api', 'path /api get'],
  ['GET', '/api/v1', 'path /api/v1 get'],
  [
    'POST',
    '/api/v1/namespaces/a/services/https:b:443/proxy/c%2Fd/../e/?f=g',
    'create core/v1 services/proxy ns=a name=https:b:443 sub=/c%2Fd/../e/',
  ],
  ['GET', '/api/v1/nodes/n/proxy', 'get core/v1 nodes/proxy name=n'],
  ['GET', '/api/v1/nodes/n/proxy/', 'get core/v1 nodes/proxy name=n sub=/'],
  ['GET', '/apis/apps', 'path /apis/apps get'],
  ['GET', '/apis/apps/v1/', 'path /apis/apps/v1 get'],
  ['GET', '/healthz/ping?verbose', 'path /healthz/ping get'],
  ['BREW', '/api/v1/pods', 'path /api/v1/pods brew'],
]

function told(method: string, url: string): string {
  const parsed = parseRequestInfo(method, url)
  if ('problem' in parsed) return parsed.problem
  const { info } = parsed
  if (info.kind === 'non-resource') return `path ${info.path} ${info.verb}`
  const parts = [
    info.verb,
    `${info.group === '' ? 'core' : info.group}/${info.version}`,
    info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`,
  ]
  if (info.namespace !== '') parts.push(`ns=${info.namespace}`)
  if (info.name !== '') parts.push(`name=${info.name}`)
  if (info.subpath !== '') parts.push(`sub=${info.subpath}`)
  return parts.join(' ')
}

describe('what a URL asks for', () => {
  test.each(table)('%s %s is %s', (method, url, expected) => {
    expect(told(method, url)).toBe(expected)
  })

  test.each([
    '/api/v1/namespaces/a/pods/b%2Fc',
    '/api/v1/namespaces/../pods',
    '/api/v1/namespaces/%2e%2e/pods',
    '/api/v1/namespaces/a/pods/%zz',
    '/api/v1/namespaces/a/pods/%00',
    '*',
    'http://example.com/api',
  ])('%s is refused, for it could reach what it does not name', url => {
    expect(parseRequestInfo('GET', url)).toHaveProperty('problem')
  })

  test('a URL beyond the limit is refused unread', () => {
    const url = `/api/v1/pods?x=${'a'.repeat(urlCharactersMax)}`
    expect(parseRequestInfo('GET', url)).toHaveProperty('problem')
  })
})
