// What the process runtime writes down of a pod and of each run of a container, and how it reads
// it back after a crash: strictly, since whoever can write here decides what we signal.

import type { Files } from '../../../../platform/files.js'
import type { ContainerExit } from '../../runtime.js'

const stateBytesMax = 64 * 1024

export interface ContainerState {
  readonly id: string
  readonly podUid: string
  readonly name: string
  readonly attempt: number
  readonly image: string
  readonly imageId: string
  readonly startedAtMs: number
  /** Processes of another boot are gone, whatever their pids say. */
  readonly bootId: string
  readonly exit: ContainerExit | null
}

export interface ProcessSandbox {
  readonly podUid: string
  readonly podNamespace: string
  readonly podName: string
  /** One of the node's pod addresses, for this pod alone; null once the sandbox was stopped. */
  readonly address: string | null
}

type Fields = { readonly [key: string]: unknown }

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const isText = (value: unknown): value is string => typeof value === 'string'

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0

const reasons: readonly ContainerExit['reason'][] = [
  'Completed',
  'Error',
  'ContainerStatusUnknown',
  'StartError',
]

function parseExitField(value: unknown): ContainerExit | null | undefined {
  if (value === null) return null
  if (!isFields(value)) return undefined
  const reason = reasons.find(known => known === value['reason'])
  const { code, finishedAtMs, message } = value
  if (reason === undefined || !isCount(code) || !isCount(finishedAtMs) || !isText(message)) {
    return undefined
  }
  return { code, finishedAtMs, reason, message }
}

/** Null for a file that is damaged or not ours. */
export function parseContainerState(text: string): ContainerState | null {
  const value = parseJson(text)
  if (!isFields(value)) return null
  const { id, podUid, name, attempt, image, imageId, startedAtMs, bootId } = value
  const exit = parseExitField(value['exit'])
  if (!isText(id) || !isText(podUid) || !isText(name) || !isCount(attempt)) return null
  if (!isText(image) || !isText(imageId) || !isCount(startedAtMs) || !isText(bootId)) return null
  if (exit === undefined) return null
  return { id, podUid, name, attempt, image, imageId, startedAtMs, bootId, exit }
}

/** Null for a file that is damaged or not ours. */
export function parseSandbox(text: string): ProcessSandbox | null {
  const value = parseJson(text)
  if (!isFields(value)) return null
  const { podUid, podNamespace, podName, address } = value
  if (!isText(podUid) || !isText(podNamespace) || !isText(podName)) return null
  if (address !== null && !isText(address)) return null
  return { podUid, podNamespace, podName, address }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

export async function readText(files: Files, path: string): Promise<string | null> {
  const content = await files.read(path, stateBytesMax)
  return content === null ? null : Buffer.from(content).toString('utf8')
}

export async function writeJson(files: Files, path: string, value: object): Promise<void> {
  await files.write(path, Buffer.from(`${JSON.stringify(value)}\n`), 0o600)
}
