// Types of CEL for what is known of a kind's fields, so that expressions can be checked before any
// object is there. Counterpart: SchemaDeclType of k8s.io/apiserver/pkg/cel/common.

import type { Environment } from '@marcbachmann/cel-js'
import { unreachable } from '../../../platform/errors.js'
import type { StructSchema, TypeSchema } from '../schema.js'

const structsMax = 2_000

/** Declares the structs of one environment, each once. */
export class DeclaredTypes {
  readonly #environment: Environment
  /** '' while it is being declared: what leads back to itself is not followed. */
  readonly #names = new Map<StructSchema, string>()

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** The name of the type. */
  declare(type: TypeSchema): string {
    switch (type.type) {
      case 'string':
      case 'quantity':
        return 'string'
      case 'bytes':
        return 'bytes'
      case 'int32':
      case 'int64':
        return 'int'
      case 'bool':
        return 'bool'
      case 'double':
        return 'double'
      case 'time':
      case 'micro-time':
        return 'google.protobuf.Timestamp'
      case 'list':
        return `list<${this.declare(type.items)}>`
      case 'map':
        return `map<string, ${this.declare(type.values)}>`
      case 'struct':
        return this.#struct(type)
      case 'fields-v1':
      case 'int-or-string':
      case 'json':
      case 'raw':
      case 'union':
        return 'dyn'
      default:
        return unreachable(type)
    }
  }

  #struct(struct: StructSchema): string {
    if (struct.others !== undefined || struct.fields.size === 0) return 'dyn'
    const known = this.#names.get(struct)
    if (known !== undefined) return known === '' ? 'dyn' : known
    if (this.#names.size >= structsMax) return 'dyn'
    this.#names.set(struct, '')
    const fields: Record<string, string> = {}
    for (const [name, { type }] of struct.fields) fields[name] = this.declare(type)
    // Structs of custom kinds may share a name.
    const name = `${struct.name.replace(/[^\w.]/g, '_')}.T${this.#names.size}`
    this.#environment.registerType(name, { fields })
    // What is not there is null.
    this.#environment.registerOperator(`${name} == null`, () => false)
    this.#names.set(struct, name)
    return name
  }
}
