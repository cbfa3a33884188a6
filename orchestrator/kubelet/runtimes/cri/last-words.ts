// What a container that has ended left behind as its message: the file that it may write, or the end of its log. Counterpart:
// kuberuntime's getTerminationMessage.

import type { Files } from '../../../../platform/files.js'
import { decodeLine } from '../../logs/log-line.js'

const messageBytesMax = 4096
const logBytesMax = 2048
const logLinesMax = 80
/** Lines carry a time and more in front. */
const readBytes = 4 * logBytesMax

export interface LastWordsRequest {
  readonly files: Files
  /** On the machine. */
  readonly messagePath: string
  readonly logPath: string
  /** The end of the log will do where the file is empty. */
  readonly orLog: boolean
}

export async function lastWords(request: LastWordsRequest): Promise<string> {
  const { files, messagePath, logPath, orLog } = request
  const message = await beginning(files, messagePath)
  if (message !== '' || !orLog) return message
  return logEnd(await end(files, logPath))
}

async function beginning(files: Files, path: string): Promise<string> {
  if ((await files.stat(path))?.kind !== 'file') return ''
  const file = await files.open(path, null)
  try {
    return Buffer.from(await file.read(0, messageBytesMax)).toString('utf8')
  } finally {
    await file.close()
  }
}

async function end(files: Files, path: string): Promise<Uint8Array> {
  if ((await files.stat(path))?.kind !== 'file') return new Uint8Array()
  const file = await files.open(path, null)
  try {
    const bytes = await file.bytes()
    return await file.read(Math.max(0, bytes - readBytes), readBytes)
  } finally {
    await file.close()
  }
}

/** The last lines of a piece of a log, as text. */
export function logEnd(piece: Uint8Array): string {
  const lines = Buffer.from(piece).toString('latin1').split('\n')
  const texts: string[] = []
  for (const line of lines) {
    const entry = decodeLine(Buffer.from(line, 'latin1'))
    if (entry !== null)
      texts.push(Buffer.from(entry.text).toString('latin1') + (entry.whole ? '\n' : ''))
  }
  const bytes = Buffer.from(texts.slice(-logLinesMax).join(''), 'latin1')
  return bytes.subarray(Math.max(0, bytes.length - logBytesMax)).toString('utf8')
}
