import { Duplex, PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { resetStatus, SpdyEncoder, SpdyParser } from './spdy-frames.js'
import { SpdySession } from './spdy-session.js'
import type { SpdyStream } from './spdy-session.js'

interface Ends {
  readonly client: SpdySession
  readonly server: SpdySession
  readonly toServer: PassThrough
  /** In the order in which the server got them. */
  readonly streams: SpdyStream[]
}

function connected(onStream: (stream: SpdyStream) => void, streamsMax = 8): Ends {
  const toServer = new PassThrough()
  const toClient = new PassThrough()
  const streams: SpdyStream[] = []
  const client = new SpdySession(Duplex.from({ readable: toClient, writable: toServer }), {
    role: 'client',
    streamsMax,
    onStream: stream => stream.reset(resetStatus.refusedStream),
  })
  const server = new SpdySession(Duplex.from({ readable: toServer, writable: toClient }), {
    role: 'server',
    streamsMax,
    onStream: stream => {
      streams.push(stream)
      stream.accept()
      onStream(stream)
    },
  })
  return { client, server, toServer, streams }
}

const named = (name: string) => new Map([['streamtype', [name]]])

const closed = (stream: Duplex): Promise<void> =>
  new Promise(resolve => {
    if (stream.destroyed) resolve()
    else stream.once('close', () => resolve())
  })

describe('a SPDY connection', () => {
  it('carries each stream whole and in order, however they are mixed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.string({ maxLength: 50 })), {
          maxLength: 30,
        }),
        async writes => {
          const { client } = connected(stream => stream.pipe(stream))
          const streams = [0, 1, 2, 3].map(number => client.open(named(String(number))))
          const answers = streams.map(stream => text(stream))
          const expected = ['', '', '', '']
          for (const [number, piece] of writes) {
            streams[number]?.write(piece)
            expected[number] += piece
          }
          for (const stream of streams) stream.end()
          expect(await Promise.all(answers)).toEqual(expected)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('gives a client what was whole when the server left, also what it had not read yet', async () => {
    const { client, server, streams } = connected(() => {})
    const whole = client.open(named('whole'))
    const cut = client.open(named('cut'))
    const answered = Promise.all([
      new Promise(resolve => whole.once('replied', resolve)),
      new Promise(resolve => cut.once('replied', resolve)),
    ])
    await answered
    streams[0]?.end('all of it')
    streams[1]?.write('the beginning')
    await new Promise(resolve => setImmediate(resolve))
    server.destroy()
    client.destroy()
    await client.closed
    expect(await text(whole)).toBe('all of it')
    await expect(text(cut)).rejects.toThrow()
  })

  it('closes one half of a stream and keeps the other', async () => {
    const { client, streams } = connected(stream => {
      stream.on('end', () => stream.end('after your end'))
      stream.resume()
    })
    const stream = client.open(named('data'))
    stream.end('all of it')
    expect(await text(stream)).toBe('after your end')
    expect(streams[0]?.header('streamtype')).toBe('data')
  })

  it('resets one stream and leaves the others', async () => {
    const { client, streams } = connected(stream => stream.resume())
    const [first, second] = [client.open(named('a')), client.open(named('b'))]
    const reply = new Promise(resolve => second.once('replied', resolve))
    await reply
    streams[0]?.reset(resetStatus.cancel)
    await closed(first)
    second.end('still here')
    expect(streams[1]?.destroyed).toBe(false)
    second.destroy()
    await closed(streams[1] as SpdyStream)
  })

  it('refuses more streams than it may have', async () => {
    const { client, streams } = connected(stream => stream.resume(), 2)
    const opened = ['a', 'b', 'c'].map(name => client.open(named(name)))
    await closed(opened[2] as SpdyStream)
    expect(streams).toHaveLength(2)
  })

  it('holds the sender back when nobody reads, and goes on when somebody does', async () => {
    const { client, streams } = connected(() => {})
    const stream = client.open(named('data'))
    const piece = Buffer.alloc(64 * 1024, 'x')
    let accepted = 0
    const whole = 8 * 1024 * 1024
    const write = (): void => {
      if (accepted === whole) return
      stream.write(piece, error => {
        if (error) return
        accepted += piece.length
        write()
      })
    }
    write()
    // Whatever is going to be accepted without a reader is, once nothing changes any more.
    let before = -1
    while (before !== accepted) {
      before = accepted
      await new Promise(resolve => setImmediate(resolve))
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(accepted).toBeLessThan(4 * 1024 * 1024)
    streams[0]?.resume()
    await expect.poll(() => accepted).toBe(whole)
    client.destroy()
  })

  it('answers pings and ignores the answers to its own', async () => {
    const sent: string[] = []
    const parser = new SpdyParser()
    const { client, server, toServer } = connected(() => {})
    toServer.on('data', (chunk: Buffer) => {
      for (const { kind } of parser.push(chunk)) sent.push(kind)
    })
    server.ping()
    client.ping()
    const stream = client.open(named('data'))
    await new Promise(resolve => stream.once('replied', resolve))
    // One ping, one answer to a ping, one stream: an answer to an answer would go on for ever.
    expect(sent.toSorted()).toEqual(['ping', 'ping', 'syn-stream'])
  })

  it.each([
    ['what is no frame', () => Buffer.from([0x80, 9, 9, 9, 9, 9, 9, 9])],
    [
      'a stream with an even number',
      () =>
        new SpdyEncoder().encode({
          kind: 'syn-stream',
          streamId: 2,
          headers: named('data'),
          fin: false,
        }),
    ],
  ])('ends with its streams on %s', async (_, bytes) => {
    const { client, server, streams, toServer } = connected(stream => stream.resume())
    const stream = client.open(named('data'))
    await new Promise(resolve => stream.once('replied', resolve))
    toServer.write(bytes())
    await server.closed
    await closed(streams[0] as SpdyStream)
    await closed(stream)
    expect(server.streamCount).toBe(0)
  })
})
