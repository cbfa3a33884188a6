// Log files of a local cluster. What grew large in earlier lives is set aside, one generation deep,
// before a component starts to write again.

import { createWriteStream, existsSync, renameSync, statSync } from 'node:fs'

const bytesMax = 16 * 1024 * 1024

/** Keeps at most one older generation beside the file. */
export function rotateLog(path: string): void {
  if (existsSync(path) && statSync(path).size > bytesMax) renameSync(path, `${path}.1`)
}

export function openLog(path: string): { write(line: string): void } {
  rotateLog(path)
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 })
  // A full disk must not end the supervisor: the cluster runs on, silently.
  stream.on('error', () => {})
  return { write: line => void stream.write(line) }
}
