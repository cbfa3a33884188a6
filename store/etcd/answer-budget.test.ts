// What calls hold while a long range is put together, and that they give it back however they end.

import { describe, expect, it } from 'vitest'

import { rpcCode } from '../../platform/rpc.js'
import type { RpcCall } from '../../platform/rpc.js'
import type { KeyValue } from '../core/types.js'
import type { Requester } from '../server/requester.js'
import { AnswerBudget } from './answer-budget.js'
import { unary } from './calls.js'
import type { EtcdContext } from './context.js'
import { RangeRequest, RangeResponse } from './messages/kv.js'

/** A call to Range that is given parts by hand. */
function startRange(answers: AnswerBudget) {
  const ended: { code: number | null; sent: Uint8Array[] } = { code: null, sent: [] }
  const call: RpcCall = {
    connection: { remote: 'nobody', peerName: null, bufferedBytes: 0 },
    get open() {
      return ended.code === null
    },
    bufferedBytes: 0,
    metadata: () => null,
    send: message => ended.sent.push(message),
    end: code => {
      ended.code ??= code
    },
    pauseReading() {},
    resumeReading() {},
  }
  let requester: Requester | null = null
  const context = {
    answers,
    leaderGuard: { refused: () => false },
    service: {
      unread: { sent() {} },
      handle: (asking: Requester) => {
        requester = asking
      },
    },
  } as unknown as EtcdContext
  const method = unary<'range', RangeRequest, unknown>(
    context,
    RangeRequest,
    () => ({ kind: 'range', id: 0, request: { key: Buffer.from('k') } }),
    ({ response }) => RangeResponse.encode(response),
  )
  if (method.requests !== 'one') throw new Error('a range has one request')
  const receiver = method.start(call, RangeRequest.encode({ key: Buffer.from('k') }))
  if (requester === null) throw new Error('the service was asked')
  return { ended, receiver, requester: requester as Requester }
}

const kv = (bytes: number): KeyValue => ({
  key: Buffer.from('k'),
  value: Buffer.alloc(bytes),
  createRevision: 2,
  modRevision: 2,
  version: 1,
  lease: 0,
})
const header = { clusterId: 1, memberId: 1, revision: 2, raftTerm: 1 }

describe('the budget of answers', () => {
  it('is given back with the answer, and the answer is whole', () => {
    const answers = new AnswerBudget(10_000)
    const { ended, requester } = startRange(answers)
    requester.rangePart(0, [kv(1_000), kv(1_000)])
    expect(answers.bytes).toBeGreaterThan(2_000)
    const response = { header, kvs: [kv(10)], more: false, count: 3 }
    requester.answer({ kind: 'range', id: 0, response })
    expect([answers.bytes, ended.code]).toEqual([0, rpcCode.ok])
    expect(RangeResponse.decode(ended.sent[0] ?? Buffer.alloc(0)).kvs).toHaveLength(3)
  })

  it('ends the call that would exceed it, and no other', () => {
    const answers = new AnswerBudget(10_000)
    const first = startRange(answers)
    const second = startRange(answers)
    first.requester.rangePart(0, [kv(6_000)])
    second.requester.rangePart(0, [kv(3_000)])
    second.requester.rangePart(0, [kv(3_000)])
    expect([first.ended.code, second.ended.code]).toEqual([null, rpcCode.resourceExhausted])
    expect(answers.bytes).toBeLessThan(6_100)
    expect(second.requester.open).toBe(false)
  })

  it('is given back when the client goes, and when the range fails', () => {
    const answers = new AnswerBudget(10_000)
    const gone = startRange(answers)
    gone.requester.rangePart(0, [kv(4_000)])
    gone.receiver?.onCancel?.()
    expect(answers.bytes).toBe(0)
    const failed = startRange(answers)
    failed.requester.rangePart(0, [kv(4_000)])
    const error = { code: 'timeout', message: '', retryable: true, outcome: 'unknown' } as const
    failed.requester.failWith(0, error)
    expect([answers.bytes, failed.ended.code]).toEqual([0, rpcCode.unavailable])
  })
})
