// What a start has to tell, as values; printing them is a matter of the terminal.

import { relative } from 'node:path'
import type { ClusterOptions, Layout } from './layout.js'

export type Progress =
  | { readonly kind: 'step'; readonly text: string; readonly elapsedMs: number }
  | {
      readonly kind: 'ready'
      readonly elapsedMs: number
      readonly kubeconfig: string
      readonly server: string
      readonly stores: readonly string[]
    }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly message: string }

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

export function introduction(options: ClusterOptions, layout: Layout): string {
  const parts = `${plural(options.masters, 'master')}, ${plural(options.nodes, 'node')}`
  return `Raftsman: ${parts}, data in ${shortPath(layout.directory)}`
}

/** Relative for what lies below the current directory, so that lines fit a terminal. */
export function shortPath(path: string): string {
  const fromHere = relative(process.cwd(), path)
  return fromHere === '' || fromHere.startsWith('..') ? path : fromHere
}

const seconds = (elapsedMs: number): string => `${(elapsedMs / 1000).toFixed(1)} s`

export class ProgressPrinter {
  readonly #output: NodeJS.WritableStream

  constructor(output: NodeJS.WritableStream) {
    this.#output = output
  }

  line(text: string): void {
    this.#output.write(`${text}\n`)
  }

  report(progress: Progress): void {
    switch (progress.kind) {
      case 'step':
        this.line(`  ok  ${progress.text.padEnd(52)} ${seconds(progress.elapsedMs).padStart(7)}`)
        return
      case 'ready':
        this.#ready(progress)
        return
      case 'stopping':
        this.line('Stopping: nodes, controllers, API servers, stores …')
        return
      case 'stopped':
        this.line('Stopped. The data stays; `raftsman up` goes on from here.')
        return
      case 'failed':
        this.line(`raftsman: ${progress.message}`)
    }
  }

  #ready(progress: Progress & { kind: 'ready' }): void {
    this.line(`Ready after ${seconds(progress.elapsedMs)}.
  API          ${progress.server}
  stores       ${progress.stores.join(' ')}
  kubeconfig   ${shortPath(progress.kubeconfig)}
Type next:
  export KUBECONFIG=${progress.kubeconfig}
  kubectl apply -f examples/hello.yaml
  kubectl get pods -o wide`)
  }
}
