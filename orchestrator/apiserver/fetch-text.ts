// One small question to another server, and its whole answer: bounded in bytes and in time, redirects
// are not followed.

import { request } from 'node:https'
import type { Clock } from '../../platform/clock.js'
import type { TunnelTarget } from './tunnel.js'

const answerBytesMax = 16 * 1024 * 1024

/** Rejects with an Error whose message says what is wrong: no connection, no time, a bad status. */
export function fetchText(
  target: TunnelTarget,
  clock: Clock,
  timeoutMs: number,
  headers: Readonly<Record<string, string | string[]>> = {},
): Promise<string> {
  const { secure: _, ...place } = target
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...place, headers, agent: false })
    const timer = clock.setTimer(timeoutMs, () => {
      outgoing.destroy(new Error('context deadline exceeded'))
    })
    const fail = (error: Error) => {
      timer.cancel()
      reject(error)
    }
    outgoing.on('error', fail)
    outgoing.on('response', answer => {
      const chunks: Buffer[] = []
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes <= answerBytesMax) chunks.push(chunk)
        else outgoing.destroy(new Error('the answer is too long'))
      })
      answer.on('error', fail)
      answer.on('end', () => {
        timer.cancel()
        const code = answer.statusCode ?? 0
        if (code < 200 || code > 299) {
          reject(new Error(`bad status from ${urlOf(target)}: ${code}`))
        } else resolve(Buffer.concat(chunks).toString('utf8'))
      })
    })
    outgoing.end()
  })
}

export function urlOf({ host, port, path }: Pick<TunnelTarget, 'host' | 'port' | 'path'>): string {
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`
}
