// What the kubelet tells of the machine it runs on: its size, its system, and how much is left.
// Counterpart: cAdvisor's machine info and the eviction manager's signals.

import os from 'node:os'
import type { Files } from '../../platform/files.js'

export interface MachineFacts {
  readonly machineId: string
  readonly systemUuid: string
  readonly bootId: string
  readonly kernelVersion: string
  readonly osImage: string
  readonly operatingSystem: string
  /** As Go spells it: amd64, arm64. */
  readonly architecture: string
  readonly cpus: number
  readonly memoryBytes: number
  readonly diskBytes: number
}

export interface MachineLoad {
  readonly memoryFreeBytes: number
  readonly diskFreeBytes: number
  readonly processes: number
  readonly processesMax: number
}

const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
}

const textBytesMax = 64 * 1024

async function firstText(files: Files, ...paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    // Some of them only root may read.
    const content = await files.read(path, textBytesMax).catch(() => null)
    const text = Buffer.from(content ?? [])
      .toString('utf8')
      .trim()
    if (text !== '') return text
  }
  return ''
}

export async function readMachineFacts(files: Files, directory: string): Promise<MachineFacts> {
  const machineId = await firstText(files, '/etc/machine-id', '/var/lib/dbus/machine-id')
  const bootId = await firstText(files, '/proc/sys/kernel/random/boot_id')
  const release = await firstText(files, '/etc/os-release', '/usr/lib/os-release')
  const pretty = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1]
  const uuid = await firstText(files, '/sys/class/dmi/id/product_uuid')
  return {
    machineId,
    systemUuid: uuid === '' ? machineId : uuid,
    bootId,
    kernelVersion: os.release(),
    osImage: pretty ?? os.type(),
    operatingSystem: os.platform(),
    architecture: architectures[os.arch()] ?? os.arch(),
    cpus: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    diskBytes: (await files.space(directory)).totalBytes,
  }
}

export async function readMachineLoad(files: Files, directory: string): Promise<MachineLoad> {
  const memory = await firstText(files, '/proc/meminfo')
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(memory)?.[1]
  const running = /\d+\/(\d+)/.exec(await firstText(files, '/proc/loadavg'))?.[1]
  const limit = await firstText(files, '/proc/sys/kernel/pid_max')
  return {
    memoryFreeBytes: available === undefined ? os.freemem() : Number(available) * 1024,
    diskFreeBytes: (await files.space(directory)).freeBytes,
    processes: Number(running ?? 0),
    processesMax: /^\d+$/.test(limit) ? Number(limit) : 32_768,
  }
}
