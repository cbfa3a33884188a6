// What we call ourselves, in one place.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that holds package.json, whether this runs from sources or from dist/. */
function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (let depth = 0; depth < 4; depth += 1) {
    try {
      readFileSync(join(folder, 'package.json'))
      return folder
    } catch {
      folder = dirname(folder)
    }
  }
  throw new Error('package.json is missing beside the program')
}

const manifest: unknown = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8'))

/** As in package.json, for example "0.1.0". */
export const version: string =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown'

/** The minor of the Kubernetes API that is served, with our build as suffix. */
export const kubernetesVersion = `v1.32.0+raftsman.${version}`
