import { describe, expect, test } from 'vitest'
import { LocalConfigError, parseLocalConfig } from './local-config.js'

const text = `
region: here
loadBalancerCidr: 127.97.0.0/16
routes: true
instances:
- {name: a, addresses: [10.0.0.1], zone: east, type: large, networkNamespace: ns-a}
- {name: b, addresses: [10.0.0.2], zone: west, networkNamespace: ns-b}
- {name: c, addresses: [10.0.0.3, "fd00::3"], shutdown: true, networkNamespace: ns-c}
`

describe('the file of the local cloud', () => {
  test('says what there is', () => {
    const config = parseLocalConfig(text)
    expect(config).toMatchObject({ region: 'here', routes: true })
    expect(config.instances?.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(parseLocalConfig('')).toEqual({
      region: '',
      instances: null,
      loadBalancerCidr: null,
      routes: false,
    })
  })

  const wrong: readonly [string, string][] = [
    ['{', 'not YAML'],
    ['[]', 'the configuration: has to be an object'],
    ['regoin: x', 'regoin: is not known'],
    ['region: 5', 'region: has to be a text'],
    ['routes: true', 'routes: are between instances'],
    ['routes: 1', 'routes: has to be true or false'],
    ['loadBalancerCidr: 127.97.0.0', 'loadBalancerCidr: "127.97.0.0" is no range'],
    ['loadBalancerCidr: fd00::/64', 'loadBalancerCidr: "fd00::/64" is no range'],
    ['instances: {}', 'instances: has to be a list'],
    ['instances: [{addresses: [10.0.0.1]}]', 'instances[0].name: is needed'],
    ['instances: [{name: a}]', 'instances[0].addresses: one is needed'],
    ['instances: [{name: a, addresses: [x]}]', 'instances[0].addresses[0]: "x" is no IP address'],
    ['instances: [{name: a, addresses: [1.2.3.4], size: 3}]', 'instances[0].size: is not known'],
    [
      'instances: [{name: a, addresses: [1.2.3.4]}, {name: a, addresses: [1.2.3.5]}]',
      'instances: two have one name',
    ],
  ]
  test.each(wrong)('%s: %s', (broken, message) => {
    expect(() => parseLocalConfig(broken)).toThrow(LocalConfigError)
    expect(() => parseLocalConfig(broken)).toThrow(message)
  })
})
