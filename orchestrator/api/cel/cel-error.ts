// What goes wrong with an expression: it does not compile, it fails on its input, or it costs more than
// it may. Counterpart: the errors of k8s.io/apiserver/pkg/cel.

export class CelError extends Error {
  /** 'wrong-type': it answers with something else than it must. 'call-limit': this evaluation cost too much. 'budget': all of them together did. */
  readonly kind: 'compile' | 'wrong-type' | 'runtime' | 'call-limit' | 'budget'

  constructor(kind: CelError['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}
