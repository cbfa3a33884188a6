// Writes the TypeScript interfaces of a schema file, so that schema and types cannot drift apart:
// types.test.ts compares what this returns with the files beside it, and `vitest -u` rewrites them.
// Counterpart: the generated types of @kubernetes/client-node, as plain readonly JSON shapes.

import { unreachable } from '../../../platform/errors.js'
import { objectMetaName } from '../schema.js'
import type { StructSchema, TypeSchema } from '../schema.js'
import type { SchemaFile } from '../schema/catalogue.js'

/** Written by hand in object.ts. */
const byHand: ReadonlySet<string> = new Set([
  'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta',
  'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
  'io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference',
])

/** The text of types/<file>.ts, formatted as the formatter would. */
export function typesSource(target: SchemaFile, all: readonly SchemaFile[]): string {
  const home = new Map(all.flatMap(file => file.structs.map(s => [s.name, file.file] as const)))
  const imports = new Map<string, Set<string>>()
  const need = (from: string, name: string): string => {
    const names = imports.get(from) ?? new Set()
    names.add(name)
    imports.set(from, names)
    return name
  }
  const render = (type: TypeSchema): string => {
    switch (type.type) {
      case 'string':
      case 'bytes':
      case 'quantity':
      case 'time':
      case 'micro-time':
        return 'string'
      case 'int32':
      case 'int64':
      case 'double':
        return 'number'
      case 'bool':
        return 'boolean'
      case 'int-or-string':
        return 'number | string'
      case 'fields-v1':
      case 'raw':
        return need('../object.js', 'JsonObject')
      case 'json':
        return need('../object.js', 'Json')
      case 'union':
        return [
          ...(type.bool ? ['boolean'] : []),
          ...(type.list === null ? [] : [render(type.list)]),
          render(type.struct),
        ].join(' | ')
      case 'list':
        return `readonly ${render(type.items)}[]`
      case 'map':
        return `{ readonly [key: string]: ${render(type.values)} }`
      case 'struct': {
        const name = typeName(type)
        if (byHand.has(type.name)) return need('../object.js', name)
        const file = home.get(type.name)
        return file === target.file ? name : need(`./${file}.js`, name)
      }
      default:
        return unreachable(type)
    }
  }
  const bodies = target.structs
    .filter(s => !byHand.has(s.name))
    .map(s => interfaceSource(s, render, need))
  const header =
    `// The types of ../schema/${target.file}.ts, written by source.ts: change the schema, then run the\n` +
    '// tests of this folder with -u.\n'
  return `${header}${importsSource(imports)}\n${bodies.join('\n')}`
}

function typeName(struct: StructSchema): string {
  return struct.name.slice(struct.name.lastIndexOf('.') + 1)
}

function interfaceSource(
  struct: StructSchema,
  render: (type: TypeSchema) => string,
  need: (from: string, name: string) => string,
): string {
  const isObject = struct.fields.has('apiVersion') && metadataName(struct) === objectMetaName
  const inherited = isObject ? ['apiVersion', 'kind', 'metadata'] : []
  const base = isObject ? ` extends ${need('../object.js', 'KubeObject')}` : ''
  const lines = [...struct.fields]
    .filter(([name]) => !inherited.includes(name))
    .map(([name, field]) => {
      // Required ones that decoding cannot fill in are there once validation has passed.
      const mark = field.required || struct.guaranteed.has(name) ? '' : '?'
      const key = /^[$\w]+$/.test(name) ? name : `'${name}'`
      return `  readonly ${key}${mark}: ${render(field.type)}\n`
    })
  const body = lines.length === 0 ? '{}' : `{\n${lines.join('')}}`
  return `export interface ${typeName(struct)}${base} ${body}\n`
}

function metadataName(struct: StructSchema): string | null {
  const type = struct.fields.get('metadata')?.type
  return type?.type === 'struct' ? type.name : null
}

function importsSource(imports: ReadonlyMap<string, ReadonlySet<string>>): string {
  const lines = [...imports]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([from, names]) => {
      const sorted = [...names].sort()
      const line = `import type { ${sorted.join(', ')} } from '${from}'\n`
      if (line.length <= 101) return line
      return `import type {\n${sorted.map(n => `  ${n},\n`).join('')}} from '${from}'\n`
    })
  return lines.length === 0 ? '' : `\n${lines.join('')}`
}
