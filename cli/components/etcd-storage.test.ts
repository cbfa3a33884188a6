import { expect, it } from 'vitest'

import { serversOf } from './etcd-storage.js'

it('takes the client URLs of etcd servers, secured or not', () => {
  expect(serversOf('https://10.0.0.1:2379,https://etcd-2.example:2379/')).toEqual({
    endpoints: ['10.0.0.1:2379', 'etcd-2.example:2379'],
    secure: true,
  })
  expect(serversOf('http://127.0.0.1:2379')).toEqual({
    endpoints: ['127.0.0.1:2379'],
    secure: false,
  })
})

it.each([
  [undefined, 'needs --etcd-servers'],
  ['', 'needs --etcd-servers'],
  ['10.0.0.1:2379', 'write https://host:port'],
  ['https://10.0.0.1', 'write https://host:port'],
  ['https://10.0.0.1:2379/path', 'write https://host:port'],
  ['https://10.0.0.1:2379,http://10.0.0.2:2379', 'not both'],
])('says what is wrong with the servers "%s"', (servers, sentence) => {
  expect(() => serversOf(servers)).toThrow(sentence)
})
