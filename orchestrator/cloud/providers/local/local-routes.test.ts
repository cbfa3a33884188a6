import { describe, expect, test } from 'vitest'
import { parseLocalConfig } from './local-config.js'
import { LocalRoutes, parseTable } from './local-routes.js'

const config = parseLocalConfig(`
routes: true
instances:
- {name: a, addresses: [10.0.0.1], networkNamespace: ns-a}
- {name: b, addresses: [10.0.0.2], networkNamespace: ns-b}
- {name: c, addresses: [10.0.0.3], networkNamespace: ns-c}
`)

describe('routes', () => {
  /** `ip` over tables by namespace. */
  function machine() {
    const tables = new Map<string, Map<string, string>>()
    const tableOf = (name: string) => {
      const table = tables.get(name) ?? new Map<string, string>()
      tables.set(name, table)
      return table
    }
    const ip = (args: readonly string[]): Promise<string> => {
      const [, name = '', ...rest] = args
      const table = tableOf(name)
      const words = rest.filter(word => word !== '-j')
      const [, verb, cidr = '', , gateway = ''] = words
      if (verb === 'show') {
        const entries = [...table].map(([dst, via]) => ({ dst, gateway: via, protocol: '84' }))
        return Promise.resolve(JSON.stringify(entries))
      }
      if (verb === 'replace') table.set(cidr, gateway)
      else table.delete(cidr)
      return Promise.resolve('')
    }
    return { tables, tableOf, routes: new LocalRoutes(() => Promise.resolve(config), ip) }
  }
  const route = { nodeName: 'a', podCidr: '10.244.1.0/24' }

  test('to a node stand in the tables of all others', async () => {
    const { tables, routes } = machine()
    await routes.create(route)
    expect(tables.get('ns-a')).toBeUndefined()
    for (const name of ['ns-b', 'ns-c'])
      expect([...(tables.get(name) ?? [])]).toEqual([['10.244.1.0/24', '10.0.0.1']])
    expect(await routes.list()).toEqual([route])
    await routes.delete(route)
    expect(await routes.list()).toEqual([])
  })

  test('that are there in part are not there, and those to machines that are gone are', async () => {
    const { tableOf, routes } = machine()
    await routes.create(route)
    tableOf('ns-b').delete(route.podCidr)
    expect(await routes.list()).toEqual([])
    tableOf('ns-b').set('10.244.7.0/24', '10.0.0.77')
    expect(await routes.list()).toEqual([{ nodeName: '10.0.0.77', podCidr: '10.244.7.0/24' }])
  })

  test('what ip says is read with care', () => {
    expect(parseTable('')).toEqual([])
    expect(parseTable('[{"dst":"default"},7,{"dst":"10.0.0.0/24","gateway":"10.0.0.1"}]')).toEqual([
      { podCidr: '10.0.0.0/24', gateway: '10.0.0.1' },
    ])
    expect(() => parseTable('{}')).toThrow('something else')
    expect(() => parseTable('Error')).toThrow()
  })
})
