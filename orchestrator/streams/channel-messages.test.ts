import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeChannelMessage, encodeChannelMessage } from './channel-messages.js'
import type { ChannelProtocol } from './channel-messages.js'
import { exitStatus } from './exit-status.js'
import { StreamError } from './stream-error.js'
import { TerminalSizeReader } from './terminal-size.js'

const protocols: readonly ChannelProtocol[] = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
]

describe('messages of channels', () => {
  it('are read as they were written, in every variant', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...protocols),
        fc.integer({ min: 0, max: 9 }),
        fc.uint8Array(),
        (protocol, channel, bytes) => {
          const message = encodeChannelMessage(protocol, channel, bytes)
          const read = decodeChannelMessage(protocol, Buffer.from(message))
          expect(read).toMatchObject({ kind: 'data', channel })
          expect(read?.kind === 'data' && Buffer.from(read.bytes).equals(bytes)).toBe(true)
        },
      ),
    )
  })

  it('never crash on what a client may send', () => {
    fc.assert(
      fc.property(fc.constantFrom(...protocols), fc.uint8Array(), (protocol, bytes) => {
        try {
          decodeChannelMessage(protocol, bytes)
        } catch (error) {
          if (!(error instanceof StreamError)) throw error
        }
      }),
    )
  })

  it('close a channel from version 5 on', () => {
    const message = new Uint8Array([255, 0])
    expect(decodeChannelMessage('v5.channel.k8s.io', message)).toEqual({
      kind: 'close',
      channel: 0,
    })
    expect(decodeChannelMessage('v4.channel.k8s.io', message)).toMatchObject({ channel: 255 })
    expect(() => decodeChannelMessage('v5.channel.k8s.io', new Uint8Array([255]))).toThrow(
      StreamError,
    )
    expect(decodeChannelMessage('v5.channel.k8s.io', new Uint8Array())).toBeNull()
  })
})

describe('sizes of a terminal', () => {
  const bytes = Buffer.from('{"Width":80,"Height":24}\n{"Width":132,"Height":50}\n')

  it('are read wherever the bytes are cut; the newest counts', () => {
    expect(new TerminalSizeReader().push(bytes)).toEqual({ columns: 132, rows: 50 })
    const reader = new TerminalSizeReader()
    const sizes = [...bytes].map(byte => reader.push(Buffer.from([byte])))
    expect(sizes.filter(size => size !== null)).toEqual([
      { columns: 80, rows: 24 },
      { columns: 132, rows: 50 },
    ])
  })

  it.each([
    '{}',
    'null}',
    '{"Width":-1,"Height":2}',
    '{"Width":1e9,"Height":2}',
    '{"Width":"8","Height":2}',
    'x'.repeat(2000),
  ])('are not %s', text => {
    expect(() => new TerminalSizeReader().push(Buffer.from(text))).toThrow(StreamError)
  })
})

describe('the status of a command', () => {
  it('carries the exit code as a cause', () => {
    expect(exitStatus(0)).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
    })
    expect(exitStatus(7)).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      message: 'command terminated with non-zero exit code: exit status 7',
      details: { causes: [{ reason: 'ExitCode', message: '7' }] },
    })
  })
})
