// A snapshot from a member into a file. A connection that is cut costs nothing of what has come: the next
// one goes on from there. Only a member that has been restarted, or waited for too long, begins anew.

import { ftruncateSync, writeSync } from 'node:fs'
import { nodeRandom } from '../../platform/node/random.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { MemberLink } from '../../store/client/member-link.js'
import { UserError } from '../user-error.js'

/** Connections in a row over which nothing comes. */
const fruitlessMax = 20
const pauseMs = 500
/** What another connection may mend. */
const mendable: ReadonlySet<string> = new Set(['unavailable', 'timeout', 'stopped'])

/** Writes stream and SHA-256. `connect` opens a link to always the same member. */
export async function fetchSnapshot(file: number, connect: () => MemberLink): Promise<void> {
  const random = nodeRandom()
  const draw = (): number => random.integer(Number.MAX_SAFE_INTEGER - 1) + 1
  let name = draw()
  let bytes = 0
  const onPart = (part: Uint8Array): void => {
    writeAll(file, part, bytes)
    bytes += part.length
  }
  for (let fruitless = 0; ; ) {
    const before = bytes
    const link = connect()
    try {
      const wish = { kind: 'snapshot', name, offset: bytes } as const
      const { response } = await link.ask<'snapshot'>(wish, onPart)
      if (bytes !== response.bytes) throw new UserError('The snapshot is cut short; try again.')
      writeAll(file, response.sha256, bytes)
      return
    } catch (error) {
      if (!(error instanceof RaftsmanError) || bytes === 0) throw error
      fruitless = bytes > before ? 0 : fruitless + 1
      if (fruitless > fruitlessMax) throw error
      if (error.code === 'snapshot-gone') {
        ftruncateSync(file, 0)
        name = draw()
        bytes = 0
      } else if (!mendable.has(error.code)) throw error
    } finally {
      link.close()
    }
    await new Promise(resolve => {
      setTimeout(resolve, pauseMs)
    })
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; )
    at += writeSync(file, bytes, at, bytes.length - at, position + at)
}
