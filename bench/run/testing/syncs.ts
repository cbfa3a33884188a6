// Syncs in what strace has written down: calls that have come back from the disk, not those that were only
// begun. A write to a file descriptor that was opened with O_DSYNC is one.

/** What has to be traced for that. */
export const tracedCalls = 'trace=fsync,fdatasync,openat,close,write,writev,pwrite64,pwritev'

const line = /^(\d+) +(\w+)\((\w+)(.*)$/
const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/
const result = / = (-?\d+)/

/** `trace`: of one process and all its threads, each line behind the number of its thread. */
export function syncsIn(trace: string): number {
  const synced = new Set<string>()
  const begun = new Map<string, { readonly fd: string; readonly rest: string }>()
  let syncs = 0
  const ended = (call: string, fd: string, rest: string): void => {
    const value = Number(result.exec(rest)?.[1] ?? -1)
    if (value < 0) return
    if (call === 'openat') {
      if (rest.includes('O_DSYNC')) synced.add(String(value))
      else synced.delete(String(value))
    } else if (call === 'close') synced.delete(fd)
    else if (call === 'fsync' || call === 'fdatasync') syncs += 1
    else if (synced.has(fd)) syncs += 1
  }
  for (const text of trace.split('\n')) {
    const again = resumed.exec(text)
    if (again !== null) {
      const [, thread = '', call = '', rest = ''] = again
      const before = begun.get(thread)
      if (before !== undefined) ended(call, before.fd, before.rest + rest)
      begun.delete(thread)
      continue
    }
    const [, thread = '', call = '', fd = '', rest = ''] = line.exec(text) ?? []
    if (text.endsWith('<unfinished ...>')) begun.set(thread, { fd, rest })
    else ended(call, fd, rest)
  }
  return syncs
}
