// The directory that stands in for a container's file system, and where its command is found.
// A plain process has no mount namespace: each volume appears as a link at <root>/<mountPath>, the
// root is the working directory unless the pod names one, and RAFTSMAN_ROOT holds its path. So
// `cat etc/config/key` and `cat $RAFTSMAN_ROOT/etc/config/key` work, `cat /etc/config/key` does not.

import { dirname, isAbsolute, join, normalize } from 'node:path'
import type { Files } from '../../../../platform/files.js'
import { type Mount, RuntimeError } from '../../runtime.js'

const refuse = (message: string): RuntimeError => new RuntimeError('container-not-started', message)

/** `path` of the container below `root`, whatever dots it holds. */
export function belowRoot(root: string, path: string): string {
  return join(root, normalize(`/${path}`))
}

/** Makes the root with a link for each mount. Readable by us alone. */
export async function buildRoot(
  files: Files,
  root: string,
  mounts: readonly Mount[],
): Promise<void> {
  await files.makeDirectory(root, 0o700)
  const shallowFirst = [...mounts].sort((a, b) => a.containerPath.length - b.containerPath.length)
  for (const mount of shallowFirst) {
    const at = belowRoot(root, mount.containerPath)
    if (at === root || at === `${root}/`) {
      throw refuse('a volume cannot be mounted at "/" by the embedded process runtime')
    }
    const parent = dirname(at)
    // Through a link of another mount we would write into that volume, perhaps the user's own.
    for (let above = parent; above.length > root.length; above = dirname(above)) {
      if ((await files.stat(above))?.kind === 'link') {
        throw refuse(
          `the embedded process runtime cannot mount "${mount.containerPath}" inside another mount`,
        )
      }
    }
    await files.makeDirectory(parent, 0o700)
    await files.link(mount.hostPath, at)
  }
}

/** Where the process starts: below the root if it is there, else on the machine. */
export async function findDirectory(files: Files, root: string, wanted: string): Promise<string> {
  if (wanted === '') return root
  const inside = belowRoot(root, wanted)
  for (const candidate of isAbsolute(wanted) ? [inside, normalize(wanted)] : [inside]) {
    const real = await files.realPath(candidate)
    if (real !== null && (await files.stat(real))?.kind === 'directory') return candidate
  }
  throw refuse(`working directory "${wanted}" does not exist`)
}

/** The program that `name` means, absolute. */
export async function findProgram(
  files: Files,
  name: string,
  searchPath: string,
  root: string,
  directory: string,
): Promise<string> {
  if (name.includes('/')) {
    const candidates = isAbsolute(name) ? [belowRoot(root, name), name] : [join(directory, name)]
    for (const candidate of candidates) {
      if (await files.executable(candidate)) return candidate
    }
    throw refuse(`exec: "${name}": no such executable file`)
  }
  for (const place of searchPath.split(':')) {
    const candidate = join(place, name)
    if (isAbsolute(candidate) && (await files.executable(candidate))) return candidate
  }
  throw refuse(`exec: "${name}": executable file not found in $PATH`)
}
