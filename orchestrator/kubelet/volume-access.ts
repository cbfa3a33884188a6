// Who may use the files of a volume: everybody in the pod, and with an fsGroup that group. Counterpart: SetVolumeOwnership
// of pkg/volume. The directories above keep everybody else on the machine out.

import { join } from 'node:path'
import type { Files } from '../../platform/files.js'
import type { Pod } from '../api/types/core-pod.js'

const setgid = 0o2000
const openDirectory = 0o777
const readOnlyDirectory = 0o755
const groupReads = 0o440
const groupWrites = 0o660
const groupEnters = 0o110
const entriesMax = 1_000_000

export const fsGroupOf = ({ spec }: Pod): number | null => spec.securityContext?.fsGroup ?? null

/** What is made new in it belongs to the group as well. */
const withGroup = (mode: number, group: number | null): number =>
  group === null ? mode : mode | setgid

/** A directory that all containers of the pod write to. */
export async function openToPod(files: Files, path: string, group: number | null): Promise<void> {
  await files.setAccess(path, withGroup(openDirectory, group), group)
}

/** A directory whose files the node writes. */
export async function readableByPod(
  files: Files,
  path: string,
  group: number | null,
): Promise<void> {
  await files.setAccess(path, withGroup(readOnlyDirectory, group), group)
}

/** One of those files; `mode` as its volume asks for it. */
export async function fileForPod(
  files: Files,
  path: string,
  mode: number,
  group: number | null,
): Promise<void> {
  if (group !== null) await files.setAccess(path, mode | groupReads, group)
}

/** Gives data that others may have written to the group. Links are not followed. */
export async function handToGroup(files: Files, root: string, group: number): Promise<void> {
  const waiting = [root]
  for (let seen = 0; seen < entriesMax; seen += 1) {
    const path = waiting.pop()
    if (path === undefined) return
    const found = await files.stat(path)
    if (found === null || found.kind === 'link') continue
    const isDirectory = found.kind === 'directory'
    const more = isDirectory ? groupWrites | groupEnters | setgid : groupWrites
    await files.setAccess(path, found.mode | more, group)
    if (isDirectory) waiting.push(...(await files.list(path)).map(name => join(path, name)))
  }
}
