// What containers of the process runtime use: the sums of their sessions' processes, out of /proc. Counterpart: cAdvisor's
// look into cgroups.

import type { Files } from '../../../../platform/files.js'
import { parseProcessStat, type ProcessUsage, usageBySession } from '../../process-usage.js'
import type { Usage } from '../../runtime.js'

const textBytesMax = 64 * 1024
const processesMax = 32_768
/** Files that are read at a time. */
const batch = 64

/** By session, which is the pid of a container's main process. */
export async function sessionUsage(files: Files): Promise<ReadonlyMap<number, Usage>> {
  const text = async (path: string): Promise<string> => {
    // A process may be gone before it is looked at.
    const content = await files.read(path, textBytesMax).catch(() => null)
    return Buffer.from(content ?? []).toString('latin1')
  }
  const pids = (await files.list('/proc')).filter(name => /^\d+$/.test(name)).slice(0, processesMax)
  const found: ProcessUsage[] = []
  for (let at = 0; at < pids.length; at += batch) {
    const texts = await Promise.all(
      pids.slice(at, at + batch).map(pid => text(`/proc/${pid}/stat`)),
    )
    for (const one of texts) {
      const usage = parseProcessStat(one)
      if (usage !== null) found.push(usage)
    }
  }
  return usageBySession(found)
}
