// The real kubectl for tests: every versioned binary beside the one on PATH, else that one.

import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

export interface KubectlResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Kubectl {
  /** What `run` runs, and in which environment. */
  readonly binary: string
  readonly env: NodeJS.ProcessEnv
  run(...args: readonly string[]): Promise<KubectlResult>
  /** Standard output; throws with both outputs when the exit code is not 0. */
  ok(...args: readonly string[]): Promise<string>
  /** Writes a file and returns its path. */
  file(name: string, text: string): string
  /** A command that goes on until stopped; `until` resolves when its output matches. */
  follow(...args: readonly string[]): {
    until(pattern: RegExp): Promise<string>
    stop(): Promise<void>
  }
}

/** Paths of the binaries to test with, by version where they say it. Throws when there is none. */
export function kubectlBinaries(wanted: readonly string[]): readonly (readonly [string, string])[] {
  const onPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map(folder => join(folder, 'kubectl'))
    .find(path => existsSync(path))
  if (onPath === undefined) throw new Error('there is no kubectl on PATH to test with')
  const folders = [...new Set([dirname(onPath), dirname(realpathSync(onPath))])]
  const versioned = folders.flatMap(folder =>
    readdirSync(folder)
      .filter(name => wanted.includes(name.replace('kubectl.', '')))
      .map(name => [name.replace('kubectl.', ''), join(folder, name)] as const),
  )
  const byVersion = new Map(versioned)
  return byVersion.size === 0 ? [['on PATH', onPath]] : [...byVersion]
}

/** `variables` join the environment, as EDITOR. */
export function kubectlWith(
  binary: string,
  kubeconfig: string,
  variables: Readonly<Record<string, string>> = {},
): Kubectl {
  // A home of its own: no cached discovery of another server. It goes with the folder of the kubeconfig.
  const home = mkdtempSync(join(dirname(kubeconfig), 'home-'))
  const own = { HOME: home, TMPDIR: home, KUBECONFIG: kubeconfig, KUBECTL_EXTERNAL_DIFF: '' }
  const env = { ...process.env, ...own, ...variables }
  const run = (...args: readonly string[]) =>
    new Promise<KubectlResult>(resolve => {
      execFile(binary, args, { env, cwd: home, timeout: 30_000 }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        resolve({ code, stdout, stderr })
      })
    })
  return {
    binary,
    env,
    run,
    async ok(...args) {
      const { code, stdout, stderr } = await run(...args)
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`)
      return stdout
    },
    file(name, text) {
      const path = join(home, name)
      writeFileSync(path, text)
      return path
    },
    follow(...args) {
      const child = spawn(binary, args, { env, cwd: home })
      let output = ''
      let check = () => {}
      const take = (chunk: Buffer) => {
        output += chunk.toString()
        check()
      }
      child.stdout.on('data', take)
      child.stderr.on('data', take)
      const exited = new Promise<void>(resolve => child.on('exit', () => resolve()))
      return {
        until: pattern =>
          new Promise((resolve, reject) => {
            check = () => {
              if (pattern.test(output)) resolve(output)
            }
            check()
            exited.then(
              () => reject(new Error(`kubectl ended without ${pattern.source}:\n${output}`)),
              reject,
            )
          }),
        async stop() {
          child.kill('SIGINT')
          await exited
        },
      }
    },
  }
}
