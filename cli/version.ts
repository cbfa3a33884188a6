// What we call ourselves, in one place: the version from package.json, and what the build noted.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/** The folder that holds package.json, whether this runs from sources or from dist/. */
function packageFolder(): string {
  let folder = here
  for (let depth = 0; depth < 4; depth += 1) {
    if (existsSync(join(folder, 'package.json'))) return folder
    folder = dirname(folder)
  }
  throw new Error('package.json is missing beside the program')
}

function readFields(path: string): Readonly<Record<string, unknown>> {
  if (!existsSync(path)) return {}
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

const manifest = readFields(join(packageFolder(), 'package.json'))
const build = readFields(join(dirname(here), 'build.json'))
const textOf = (value: unknown, otherwise: string): string =>
  typeof value === 'string' ? value : otherwise

/** As in package.json, for example "0.1.0". */
export const version = textOf(manifest['version'], 'unknown')

/** What the API server tells of its build. */
export const buildVersion = {
  version,
  gitCommit: textOf(build['gitCommit'], 'unknown'),
  buildDate: textOf(build['buildDate'], '1970-01-01T00:00:00Z'),
  runtime: process.version,
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const

/** What was built, or what is checked out. */
export function commitOf(): string {
  if (buildVersion.gitCommit !== 'unknown') return buildVersion.gitCommit
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: here,
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim()
  } catch {
    return 'unknown'
  }
}
