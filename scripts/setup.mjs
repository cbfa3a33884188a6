// Brings a checkout to the point where it can run: packages as locked, `dist/` as the sources are.
// Plain JavaScript on purpose: it runs before anything is installed.

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..')
const stamp = join(root, 'node_modules', '.raftsman-installed')

class SetupFailed extends Error {}

function run(what, command, args, env) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env })
  if (result.error)
    throw new SetupFailed(`${what}: ${command} cannot be started: ${result.error.message}`)
  if (result.status !== 0)
    throw new SetupFailed(`${what} failed (exit code ${result.status ?? result.signal})`)
}

/** What an installation depends on: the lock file, and the Node whose ABI the addons were built for. */
function wantedStamp() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  return `${createHash('sha256').update(lock).digest('hex')} ${process.versions.modules} ${process.platform} ${process.arch}`
}

/**
 * Native addons come prebuilt where they can be downloaded and are compiled elsewhere. For that,
 * node-gyp would download headers; those beside the running Node serve as well and need no network.
 */
function installEnvironment() {
  const prefix = dirname(dirname(process.execPath))
  const headers = existsSync(join(prefix, 'include', 'node', 'node.h'))
  return headers ? { ...process.env, npm_config_nodedir: prefix } : process.env
}

function install() {
  const wanted = wantedStamp()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  console.error(
    'Installing packages (the first time takes a minute or two: SQLite may be compiled) …',
  )
  run(
    'Installing packages',
    'npm',
    ['ci', '--no-audit', '--no-fund', '--loglevel=error'],
    installEnvironment(),
  )
  writeFileSync(stamp, wanted)
}

/** For `raftsman --version` and the API's /version: which sources this is. */
function noteBuild() {
  const git = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' })
  const gitCommit = git.status === 0 ? git.stdout.trim() : 'unknown'
  const path = join(root, 'dist', 'build.json')
  if (existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).gitCommit === gitCommit) return
  const buildDate = `${new Date().toISOString().slice(0, 19)}Z`
  writeFileSync(path, `${JSON.stringify({ gitCommit, buildDate })}\n`)
}

function build() {
  if (!existsSync(join(root, 'dist', 'cli', 'main.js'))) console.error('Building …')
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  // Incremental: an unchanged tree takes a fraction of a second.
  run('Building', process.execPath, [compiler, '-p', 'tsconfig.build.json'], process.env)
  // The compiler leaves it a plain file; `npx raftsman` starts it as a program.
  chmodSync(join(root, 'dist', 'cli', 'main.js'), 0o755)
  noteBuild()
  run('Describing the API', process.execPath, ['scripts/describe.mjs'], process.env)
}

export function setUp() {
  const [major] = process.versions.node.split('.').map(Number)
  if (major < 20) {
    console.error(`Raftsman needs Node.js 20 or newer; this is ${process.version}.`)
    process.exit(1)
  }
  try {
    install()
    build()
  } catch (error) {
    if (!(error instanceof SetupFailed)) throw error
    console.error(`raftsman: ${error.message}`)
    process.exit(1)
  }
}
