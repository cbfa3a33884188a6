// A port of this machine that nobody uses, for tests whose members must know each other's addresses
// before any of them listens. Not one that the system gives away: until a member listens on it, any
// connection that goes out could be given the same one.

import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below where Linux and others take ports for outgoing connections from. */
const portMin = 15_000
const portEnd = 32_000
const attemptsMax = 100

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const port = randomInt(portMin, portEnd)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port in ${attemptsMax} attempts`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
