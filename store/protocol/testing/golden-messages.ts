// Every message of the protocol with its bytes, and what the tests of the protocol make frames with.

import { expect } from 'vitest'
import type { KeyValue, ResponseHeader, TxnRequest } from '../../core/types.js'
import { FrameWriter } from '../../protocol.js'
import type { ClientMessage, ServerMessage } from '../../protocol.js'

export const utf8 = (text: string): Uint8Array => Buffer.from(text)
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export function framed(...messages: readonly Uint8Array[]): Uint8Array {
  const frames: Uint8Array[] = []
  const writer = new FrameWriter(frame => frames.push(frame))
  for (const message of messages) writer.add(message)
  writer.cut()
  expect(frames).toHaveLength(1)
  return frames[0] ?? new Uint8Array()
}

export const kv: KeyValue = {
  key: utf8('a'),
  value: utf8('xyz'),
  createRevision: 5,
  modRevision: 300,
  version: 2,
  lease: 2 ** 40,
}
export const header: ResponseHeader = { clusterId: 7, memberId: 2, revision: 300, raftTerm: 4 }
export const member = { clusterId: 7, memberId: 2 }

export const plainRange = {
  limit: 0,
  revision: 0,
  sortOrder: 'none',
  sortTarget: 'key',
  serializable: false,
  keysOnly: false,
  countOnly: false,
  paged: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
} as const
const plainPut = { lease: 0, prevKv: false, ignoreValue: false, ignoreLease: false } as const

export const txn: TxnRequest = {
  compare: [
    { target: 'mod', result: 'equal', key: utf8('k'), modRevision: 9 },
    { target: 'value', result: 'less', key: utf8('k'), end: utf8('l'), value: utf8('v') },
  ],
  success: [{ kind: 'put', request: { key: utf8('k'), value: utf8('w'), ...plainPut } }],
  failure: [
    { kind: 'range', request: { key: utf8('k'), ...plainRange } },
    {
      kind: 'txn',
      request: {
        compare: [],
        success: [{ kind: 'deleteRange', request: { key: utf8('k'), prevKv: true } }],
        failure: [],
      },
    },
  ],
}

export const clientGolden: readonly (readonly [ClientMessage, string])[] = [
  [{ kind: 'hello', versionMin: 1, versionMax: 1, client: 'me', clusterId: 7 }, '95000101a26d6507'],
  [{ kind: 'ping', id: 3 }, '920103'],
  [
    {
      kind: 'watchCreate',
      watch: 1,
      request: {
        key: utf8('a'),
        end: utf8('b'),
        startRevision: 300,
        prevKv: true,
        progressNotify: true,
        noPut: false,
        noDelete: true,
      },
      creditBytes: 65_536,
    },
    '94040195c40161c40162cd012c0b90ce00010000',
  ],
  [{ kind: 'watchCredit', watch: 1, creditBytes: 100 }, '93050164'],
  [{ kind: 'watchCancel', watch: 1 }, '920601'],
  [{ kind: 'watchProgress', watch: 1 }, '920701'],
  [
    {
      kind: 'range',
      id: 9,
      request: {
        ...plainRange,
        key: utf8('a'),
        end: Buffer.of(0),
        limit: 500,
        revision: 12,
        sortOrder: 'descend',
        sortTarget: 'mod',
        serializable: true,
        countOnly: true,
        paged: false,
        minModRevision: 1,
        maxModRevision: 2,
        minCreateRevision: 3,
        maxCreateRevision: 4,
      },
    },
    '9310099bc40161c40100cd01f40c02030501020304',
  ],
  [
    {
      kind: 'put',
      id: 10,
      request: {
        key: utf8('a'),
        value: utf8('xyz'),
        lease: 2 ** 40,
        prevKv: true,
        ignoreValue: false,
        ignoreLease: true,
      },
    },
    '93110a94c40161c40378797acb427000000000000005',
  ],
  [
    { kind: 'deleteRange', id: 11, request: { key: utf8('a'), end: utf8('b'), prevKv: true } },
    '93120b93c40161c40162c3',
  ],
  [
    { kind: 'txn', id: 12, request: txn },
    '93130c93929502' +
      '00c4016bc009' +
      '950303c4016bc4016cc40176' +
      '91920194c4016bc401770000' +
      '9292009bc4016bc0000000000000000000' +
      '9203939091920293c4016bc0c390',
  ],
  [{ kind: 'compact', id: 13, request: { revision: 70, physical: true } }, '94140d46c3'],
  [{ kind: 'leaseGrant', id: 14, request: { ttlSeconds: 60, id: 0 } }, '94150e3c00'],
  [{ kind: 'leaseRevoke', id: 15, lease: 8 }, '93160f08'],
  [{ kind: 'leaseKeepAlive', id: 16, lease: 8, forwarded: false }, '94171008c2'],
  [{ kind: 'leaseTimeToLive', id: 17, lease: 8, withKeys: true, forwarded: true }, '95181108c3c3'],
  [{ kind: 'leaseLeases', id: 18 }, '921912'],
  [{ kind: 'status', id: 19 }, '921a13'],
  [{ kind: 'memberList', id: 20, linearizable: true }, '931b14c3'],
  [{ kind: 'moveLeader', id: 21, target: 3, forwarded: false }, '941c1503c2'],
  [
    { kind: 'alarm', id: 22, request: { action: 'deactivate', kind: 'nospace', member: 3 } },
    '952816020103',
  ],
  [{ kind: 'space', id: 24, defragment: true }, '932918c3'],
  [
    { kind: 'clusterVersion', id: 23, request: { action: 'downgrade', target: '0.1' } },
    '942a1702a3302e31',
  ],
  [
    {
      kind: 'memberAdd',
      id: 22,
      name: 'm4',
      peerAddresses: ['p:1'],
      mode: 'promoted',
      forwarded: false,
    },
    '961d16a26d3491a3703a3100c2',
  ],
  [{ kind: 'memberPromote', id: 23, member: 4, forwarded: true }, '941e1704c3'],
  [
    {
      kind: 'memberUpdate',
      id: 24,
      member: 4,
      name: '',
      peerAddresses: ['p:2', 'q:2'],
      forwarded: false,
    },
    '961f1804a092a3703a32a3713a32c2',
  ],
  [{ kind: 'memberRemove', id: 25, member: 4, forwarded: false }, '94201904c2'],
  [
    {
      kind: 'memberReplace',
      id: 26,
      member: 3,
      name: 'm5',
      peerAddresses: ['p:1'],
      forwarded: false,
    },
    '96211a03a26d3591a3703a31c2',
  ],
  [{ kind: 'snapshot', id: 27, name: 9, offset: 1000 }, '94221b09cd03e8'],
  [{ kind: 'hashKv', id: 28, revision: 300 }, '93231ccd012c'],
  [{ kind: 'openSession', id: 29 }, '922b1d'],
  [
    { kind: 'openSession', id: 29, nonce: utf8('sixteen of bytes') },
    '932b1dc4107369787465656e206f66206279746573',
  ],
  [
    { kind: 'leaseRevoke', id: 15, lease: 8, once: { session: 5, number: 300, floor: 298 } },
    '950805cd012ccd012a93160f08',
  ],
  [
    {
      kind: 'put',
      id: 10,
      request: { key: utf8('a'), value: utf8('x'), ...plainPut },
      once: { session: 5, number: 1, floor: 1 },
    },
    '950805010193110a94c40161c401780000',
  ],
]

export const kvHex = '96c40161c40378797a05cd012c02cb4270000000000000'

type Plain = Exclude<ServerMessage, { kind: 'watchEvents' }>
const learner = {
  id: 4,
  name: 'm4',
  peerAddresses: ['p:1'],
  clientAddresses: [],
  learner: true,
}
export const serverGolden: readonly (readonly [Plain, string])[] = [
  [
    {
      kind: 'welcome',
      welcome: {
        version: 1,
        clusterId: 7,
        memberId: 2,
        name: 'm2',
        serverVersion: '0.1',
        leader: 1,
        requestBytesMax: 1_572_864,
        inFlightMax: 16_384,
      },
    },
    '9900010702a26d32a3302e3101ce00180000cd4000',
  ],
  [{ kind: 'pong', id: 3, leader: 1 }, '93010301'],
  [{ kind: 'leader', leader: 0, raftTerm: 9 }, '93020009'],
  [
    {
      kind: 'error',
      id: 4,
      error: { code: 'no-leader', message: 'wait', retryable: true, outcome: 'not-applied' },
    },
    '960304a96e6f2d6c6561646572a477616974c300',
  ],
  [{ kind: 'watchCreated', watch: 1, revision: 300 }, '930401cd012c'],
  [
    {
      kind: 'watchEnd',
      watch: 1,
      error: { code: 'compacted', message: 'gone', retryable: false, outcome: 'unknown' },
      compactRevision: 40,
    },
    '970601a9636f6d706163746564a4676f6e65c20128',
  ],
  [{ kind: 'rangePart', id: 9, kvs: [kv] }, `93070991${kvHex}`],
  [
    {
      kind: 'answer',
      answer: { kind: 'range', id: 9, response: { header, kvs: [kv], more: true, count: 2 } },
    },
    `953009cd012c049391${kvHex}c302`,
  ],
  [
    { kind: 'answer', answer: { kind: 'put', id: 10, response: { header, prevKv: null } } },
    '95310acd012c0491c0',
  ],
  [
    {
      kind: 'answer',
      answer: { kind: 'deleteRange', id: 11, response: { header, deleted: 1, prevKvs: [kv] } },
    },
    `95320bcd012c04920191${kvHex}`,
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'txn',
        id: 12,
        response: {
          header,
          succeeded: true,
          responses: [
            { kind: 'put', response: { header, prevKv: kv } },
            { kind: 'txn', response: { header, succeeded: false, responses: [] } },
          ],
        },
      },
    },
    `95330ccd012c0492c392920191${kvHex}920392c290`,
  ],
  [
    { kind: 'answer', answer: { kind: 'compact', id: 13, response: { header } } },
    '95340dcd012c0490',
  ],
  [
    {
      kind: 'answer',
      answer: { kind: 'leaseGrant', id: 14, response: { header, id: 8, ttlSeconds: 60 } },
    },
    '95350ecd012c0492083c',
  ],
  [
    {
      kind: 'answer',
      answer: { kind: 'openSession', id: 29, response: { header, session: 5, numbersMax: 4096 } },
    },
    '954b1dcd012c049205cd1000',
  ],
  [
    { kind: 'answer', answer: { kind: 'leaseRevoke', id: 15, response: { header } } },
    '95360fcd012c0490',
  ],
  [
    {
      kind: 'answer',
      answer: { kind: 'leaseKeepAlive', id: 16, response: { header, id: 8, ttlSeconds: 0 } },
    },
    '953710cd012c04920800',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'leaseTimeToLive',
        id: 17,
        response: { header, id: 8, ttlSeconds: -1, grantedTtlSeconds: 0, keys: [utf8('a')] },
      },
    },
    '953811cd012c049408ff0091c40161',
  ],
  [
    { kind: 'answer', answer: { kind: 'leaseLeases', id: 18, response: { header, leases: [8] } } },
    '953912cd012c04919108',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'status',
        id: 19,
        response: {
          header,
          version: '0.1',
          name: 'm2',
          role: 'leader',
          leader: 2,
          raftTerm: 4,
          commitIndex: 10,
          appliedIndex: 9,
          dbSizeBytes: 4096,
          learner: false,
          healthy: true,
          compactRevision: -1,
          dbFileBytes: 8192,
          usedBytes: 300,
          quotaBytes: 0,
          clusterVersion: '0.1.0',
          errors: ['NOSPACE'],
        },
      },
    },
    '953a13cd012c049fa3302e31a26d3203020a09cd1000c2c3ffcd2000cd012c00a5302e312e3091a74e4f5350414345',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'memberList',
        id: 20,
        response: {
          header,
          members: [
            { id: 2, name: 'm2', peerAddresses: ['p:1'], clientAddresses: ['c:1'], learner: false },
          ],
        },
      },
    },
    '953b14cd012c0491919502a26d3291a3703a3191a3633a31c2',
  ],
  [
    { kind: 'answer', answer: { kind: 'moveLeader', id: 21, response: { header } } },
    '953c15cd012c0490',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'alarm',
        id: 22,
        response: { header, alarms: [{ kind: 'corrupt', member: 3 }] },
      },
    },
    '954816cd012c049191920203',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'memberAdd',
        id: 22,
        response: { header, member: learner, members: [learner] },
      },
    },
    '953d16cd012c04929504a26d3491a3703a3190c3919504a26d3491a3703a3190c3',
  ],
  [
    {
      kind: 'answer',
      answer: { kind: 'memberRemove', id: 25, response: { header, members: [learner] } },
    },
    '954019cd012c0491919504a26d3491a3703a3190c3',
  ],
  [{ kind: 'snapshotPart', id: 27, bytes: utf8('xyz') }, '93081bc40378797a'],
  [
    {
      kind: 'answer',
      answer: { kind: 'snapshot', id: 27, response: { header, bytes: 512, sha256: utf8('s') } },
    },
    '95421bcd012c0492cd0200c40173',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'space',
        id: 24,
        response: {
          header,
          fileBytes: 300,
          inUseBytes: 200,
          usedBytes: 100,
          quotaBytes: 0,
          defragmenting: true,
          givenBytes: 1,
        },
      },
    },
    '954918cd012c0496cd012cccc86400c301',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'clusterVersion',
        id: 23,
        response: { header, release: '0.2.0', version: 3, downgradeTo: '0.1.0' },
      },
    },
    '954a17cd012c0493a5302e322e3003a5302e312e30',
  ],
  [
    {
      kind: 'answer',
      answer: {
        kind: 'hashKv',
        id: 28,
        response: { header, hash: '0a', revision: 300, compactRevision: -1 },
      },
    },
    '95431ccd012c0493a23061cd012cff',
  ],
]
