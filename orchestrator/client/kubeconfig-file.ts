// Reads a kubeconfig from disk, once, at the start of a process.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Kubeconfig, KubeconfigError, parseKubeconfig } from './kubeconfig.js'

/** Paths inside the file are relative to it. Throws a KubeconfigError with what to mend. */
export function loadKubeconfig(path: string): Kubeconfig {
  return parseKubeconfig(read(path), inner => read(resolve(dirname(path), inner)))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new KubeconfigError(`cannot read ${path}: ${reason}`, cause)
  }
}
