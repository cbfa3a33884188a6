// The system components that tests run against. Installed where that is possible without asking
// (root on Debian); elsewhere named, with the way to get them.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const onPath = command =>
  (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, command)))

/** Where programs are that only root runs. */
const onSystemPath = command =>
  onPath(command) || ['/usr/sbin', '/sbin'].some(folder => existsSync(join(folder, command)))

const components = [
  {
    name: 'kubectl',
    present: () => onPath('kubectl'),
    debian: ['kubernetes-client'],
    elsewhere: 'install kubectl 1.27 or newer from your package manager',
  },
  {
    name: 'etcd',
    present: () => onPath('etcd') && onPath('etcdctl'),
    debian: ['etcd-server', 'etcd-client'],
    elsewhere: 'install etcd and etcdctl 3.4 or newer from your package manager',
  },
  {
    name: 'strace',
    present: () => onPath('strace'),
    debian: ['strace'],
    elsewhere: 'install strace from your package manager',
  },
  {
    // Tests have a containerd of their own, in a network namespace of its own, which only root may.
    name: 'containerd',
    present: () =>
      process.getuid?.() === 0 &&
      ['containerd', 'ctr', 'runc', 'ip', 'nsenter'].every(onSystemPath) &&
      existsSync('/usr/lib/cni/bridge') &&
      existsSync('/bin/busybox'),
    debian: ['containerd', 'runc', 'containernetworking-plugins', 'iproute2', 'busybox-static'],
    elsewhere:
      'run as root, with containerd, runc, the CNI plugins in /usr/lib/cni, iproute2 and a static busybox',
  },
  {
    // Tests make network namespaces, which only root may.
    name: 'nftables',
    present: () => process.getuid?.() === 0 && ['nft', 'ip', 'conntrack'].every(onSystemPath),
    debian: ['nftables', 'iproute2', 'conntrack'],
    elsewhere: 'run as root, with nftables, iproute2 and conntrack from your package manager',
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
