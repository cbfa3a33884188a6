// Files over node:fs/promises. Change notices come from inotify by way of fs.watch, so that an
// idle process sleeps; they may be lost under load, so their users also look now and then.

import { constants, watch } from 'node:fs'
import {
  access,
  chmod,
  chown,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { RaftsmanError } from '../errors.js'
import type { DirectoryWatch, Files, FileStat, OpenFile } from '../files.js'

const kinds: Readonly<Record<string, string>> = {
  ENOENT: 'not-found',
  EEXIST: 'exists',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EACCES: 'denied',
  EPERM: 'denied',
}

const errno = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

function asFileError(error: unknown, path: string): RaftsmanError {
  const kind = kinds[errno(error)] ?? 'io'
  const text = error instanceof Error ? error.message : String(error)
  return new RaftsmanError(`${text} (${path})`, {
    code: `file-${kind}`,
    retryable: kind === 'full',
    outcome: 'unknown',
    cause: error,
  })
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw asFileError(error, path)
  }
}

/** The answer, or null when the path leads nowhere. */
async function unlessAbsent<T>(path: string, action: () => Promise<T>): Promise<T | null> {
  try {
    return await action()
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return null
    throw asFileError(error, path)
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

const asOpenFile = (handle: FileHandle, path: string): OpenFile => ({
  read: (position, length) => attempt(path, () => readAt(handle, position, length)),
  write: (bytes, position) =>
    attempt(path, async () => {
      let written = 0
      while (written < bytes.length) {
        const left = bytes.length - written
        const { bytesWritten } = await handle.write(bytes, written, left, position + written)
        written += bytesWritten
      }
    }),
  truncate: size => attempt(path, () => handle.truncate(size)),
  bytes: async () => (await attempt(path, () => handle.stat())).size,
  close: () => attempt(path, () => handle.close()),
})

let temporaryCount = 0

/** Beside the target, so that the rename stays within one file system. */
function temporaryBeside(path: string): string {
  temporaryCount += 1
  return join(dirname(path), `.${process.pid}-${temporaryCount}.tmp`)
}

async function replace(path: string, content: Uint8Array, mode: number): Promise<void> {
  const temporary = temporaryBeside(path)
  try {
    await writeFile(temporary, content, { mode, flag: 'wx' })
    // The mode given to open is cut by the umask; what was asked for is what must stand.
    await chmod(temporary, mode)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function linkAt(target: string, path: string): Promise<void> {
  const temporary = temporaryBeside(path)
  await symlink(target, temporary)
  await rename(temporary, path)
}

async function statOf(path: string): Promise<FileStat> {
  const found = await lstat(path)
  const kind = found.isFile()
    ? 'file'
    : found.isDirectory()
      ? 'directory'
      : found.isSymbolicLink()
        ? 'link'
        : 'other'
  return { kind, bytes: found.size, modifiedMs: found.mtimeMs, mode: found.mode & 0o7777 }
}

async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    // Files under /proc report a size of 0, so the limit is kept while reading.
    const chunks: Uint8Array[] = []
    let total = 0
    for (;;) {
      const chunk = await readAt(handle, total, Math.min(65_536, maxBytes + 1 - total))
      if (chunk.length === 0) break
      chunks.push(chunk)
      total += chunk.length
      if (total > maxBytes) throw new Error(`larger than the allowed ${maxBytes} bytes`)
    }
    return Buffer.concat(chunks, total)
  } finally {
    await handle.close()
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

function watchDirectory(
  directory: string,
  onChange: (name: string | null) => void,
): DirectoryWatch {
  try {
    const watcher = watch(directory, (_event, name) => onChange(name))
    watcher.on('error', () => watcher.close())
    return { close: () => watcher.close() }
  } catch {
    // Out of inotify watches, or the directory is gone: the slow look has to do.
    return { close() {} }
  }
}

export const nodeFiles: Files = {
  makeDirectory: (path, mode) =>
    attempt(path, async () => {
      await mkdir(path, { recursive: true, mode })
    }),
  setAccess: (path, mode, group) =>
    attempt(path, async () => {
      // The change of group takes setgid away.
      if (group !== null) await chown(path, -1, group)
      await chmod(path, mode)
    }),
  stat: path => unlessAbsent(path, () => statOf(path)),
  read: (path, maxBytes) => unlessAbsent(path, () => readBounded(path, maxBytes)),
  write: (path, content, mode) => attempt(path, () => replace(path, content, mode)),
  open: (path, createMode) =>
    attempt(path, async () => {
      const flags = createMode === null ? constants.O_RDWR : constants.O_RDWR | constants.O_CREAT
      return asOpenFile(await open(path, flags, createMode ?? 0), path)
    }),
  list: async path => ((await unlessAbsent(path, () => readdir(path))) ?? []).sort(),
  link: (target, path) => attempt(path, () => linkAt(target, path)),
  realPath: path => unlessAbsent(path, () => realpath(path)),
  executable: isExecutable,
  rename: (from, to) => attempt(from, () => rename(from, to)),
  removeTree: path => attempt(path, () => rm(path, { recursive: true, force: true })),
  space: path =>
    attempt(path, async () => {
      const found = await statfs(path)
      return { totalBytes: found.blocks * found.bsize, freeBytes: found.bavail * found.bsize }
    }),
  watch: watchDirectory,
}
