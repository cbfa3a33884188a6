// Files and directories as an argument, promise-based, for shells of the orchestrator that keep
// trees of small files: pod directories, volumes, container logs. Disk (disk.ts) is the other one:
// completion-based and durable, for the store. Nothing here is fsynced: what these files describe
// (processes, mounts, logs) does not outlive the machine's uptime either.

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  readonly bytes: number
  /** Milliseconds since the Unix epoch. */
  readonly modifiedMs: number
  /** Permission bits alone, as in 0o644. */
  readonly mode: number
}

/** An open file, read and written by position. */
export interface OpenFile {
  /** Up to `length` bytes; shorter only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>
  write(bytes: Uint8Array, position: number): Promise<void>
  truncate(size: number): Promise<void>
  bytes(): Promise<number>
  close(): Promise<void>
}

export interface DirectoryWatch {
  close(): void
}

/** What every call may throw: a RaftsmanError with code `file-<kind>`; absence is an answer. */
export interface Files {
  /** With its parents; an existing directory is fine, and keeps its mode. */
  makeDirectory(path: string, mode: number): Promise<void>
  /** Permission bits, with setgid, and the group that owns it; null leaves the group. Links are followed. */
  setAccess(path: string, mode: number, group: number | null): Promise<void>
  /** Of the link itself where the path is one; null when there is nothing. */
  stat(path: string): Promise<FileStat | null>
  /** Whole file, or null when there is none; above `maxBytes` is an error. */
  read(path: string, maxBytes: number): Promise<Uint8Array | null>
  /** Replaces atomically (temporary file, rename). */
  write(path: string, content: Uint8Array, mode: number): Promise<void>
  /** Opens for reading and writing, creating it with `mode` unless that is null. */
  open(path: string, createMode: number | null): Promise<OpenFile>
  /** Names in a directory, sorted; none when it does not exist. */
  list(path: string): Promise<readonly string[]>
  /** A symbolic link at `path`; replaces one that is there. */
  link(target: string, path: string): Promise<void>
  /** With every link resolved, or null when it leads nowhere. */
  realPath(path: string): Promise<string | null>
  /** True for a regular file that we may execute (links are followed). */
  executable(path: string): Promise<boolean>
  rename(from: string, to: string): Promise<void>
  /** Whatever is there, with all below it; links are removed, not followed. */
  removeTree(path: string): Promise<void>
  /** Total and free bytes of the file system that holds `path`. */
  space(path: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number }>
  /** Names that were created or changed in the directory; null when that is not known. */
  watch(directory: string, onChange: (name: string | null) => void): DirectoryWatch
}
