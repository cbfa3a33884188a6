// The system components that tests run against. Installed where that is possible without asking
// (root on Debian); elsewhere named, with the way to get them.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const onPath = command =>
  (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, command)))

/** kubectl installations often come as a dispatcher beside versioned binaries (kubectl.1.32). */
export function kubectls() {
  const found = new Map()
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (!existsSync(folder)) continue
    for (const name of readdirSync(folder)) {
      if (/^kubectl(\.\d+\.\d+)?$/.test(name) && !found.has(name))
        found.set(name, join(folder, name))
    }
  }
  return found
}

const components = [
  {
    name: 'kubectl',
    present: () => kubectls().size > 0,
    debian: ['kubernetes-client'],
    elsewhere: 'install kubectl 1.27 or newer from your package manager',
  },
]

const isDebian = () =>
  existsSync('/etc/os-release') &&
  /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'))

function aptInstall(packages) {
  const options = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }
  spawnSync('apt-get', ['update', '-qq'], options)
  return (
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options)
      .status === 0
  )
}

/** Names of the components that are still missing afterwards. */
export function installComponents() {
  const missing = components.filter(component => !component.present())
  if (missing.length > 0 && isDebian() && process.getuid?.() === 0 && onPath('apt-get')) {
    console.error(`Installing ${missing.map(({ name }) => name).join(', ')} …`)
    aptInstall(missing.flatMap(({ debian }) => debian))
  }
  return missing.filter(component => !component.present())
}
