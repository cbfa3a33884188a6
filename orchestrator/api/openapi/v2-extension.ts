// What is taken of the OpenAPI v2 document of an extension API server: the paths of one group and version and
// the definitions that they need, if clients can read them. kubectl takes a whole document or nothing, so what
// it cannot read in one server's would break it for everything. Counterpart:
// aggregator.FilterSpecByPaths of kube-openapi. Pure.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject, own, put } from '../record.js'
import { changedPath, changedSchema, mapped, methods, referenceOf } from './v2-schemas.js'

export interface ExtensionOpenApi {
  readonly group: string
  readonly version: string
  readonly paths: JsonObject
  /** All that the paths refer to, and all that are objects of the group and version. */
  readonly definitions: JsonObject
}

export const kindsOf = 'x-kubernetes-group-version-kind'

/** Throws Error with what is wrong with the document. */
export function extensionOpenApi(
  document: unknown,
  group: string,
  version: string,
): ExtensionOpenApi {
  const whole = document as Json
  if (!isJsonObject(whole)) throw new Error('the document is not an object')
  if (whole['swagger'] !== '2.0') throw new Error('the document is not of OpenAPI 2.0')
  const root = `/apis/${group}/${version}`
  const kept: { [path: string]: Json } = {}
  for (const [path, item] of Object.entries(objectAt(whole, 'paths'))) {
    if (path !== root && !path.startsWith(`${root}/`)) continue
    if (!isJsonObject(item)) throw new Error(`the path ${path} is not an object`)
    put(kept, path, inlined(item, whole))
  }
  const definitions = new Definitions(objectAt(whole, 'definitions'), group, version)
  const paths = mapped(kept, item => changedPath(item as JsonObject, definitions.take))
  return { group, version, paths, definitions: definitions.taken() }
}

function objectAt(document: JsonObject, key: string): JsonObject {
  const value = document[key] ?? {}
  if (!isJsonObject(value)) throw new Error(`its ${key} are not an object`)
  return value
}

class Definitions {
  readonly #all: JsonObject
  readonly #taken = new Map<string, JsonObject>()
  readonly #waiting: string[] = []
  readonly #isOwn: (kind: Json) => boolean

  constructor(all: JsonObject, group: string, version: string) {
    this.#all = all
    this.#isOwn = kind =>
      isJsonObject(kind) && kind['group'] === group && kind['version'] === version
    for (const [name, schema] of Object.entries(all)) {
      const kinds = isJsonObject(schema) ? schema[kindsOf] : undefined
      if (Array.isArray(kinds) && (kinds as readonly Json[]).some(this.#isOwn)) {
        this.#waiting.push(name)
      }
    }
  }

  /** Takes what a schema refers to. Throws Error for a schema that clients cannot read. */
  readonly take = (schema: JsonObject): JsonObject => {
    const name = referenceOf(schema)
    const problem = name === null ? shapeProblem(schema) : null
    if (problem !== null) throw new Error(problem)
    if (name !== null) {
      if (own(this.#all, name) === undefined) {
        throw new Error(`it refers to ${schema['$ref'] as string}, which is not there`)
      }
      this.#waiting.push(name)
    }
    return schema
  }

  /** By name, with all that they refer to in turn. */
  taken(): JsonObject {
    for (let name = this.#waiting.pop(); name !== undefined; name = this.#waiting.pop()) {
      if (this.#taken.has(name)) continue
      const schema = own(this.#all, name)
      if (!isJsonObject(schema)) throw new Error(`the definition ${name} is not an object`)
      this.#taken.set(name, this.#ownKinds(schema))
      changedSchema(schema, this.take)
    }
    const result: { [name: string]: Json } = {}
    for (const [name, schema] of [...this.#taken].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      put(result, name, schema)
    }
    return result
  }

  /** Nobody says of another's kinds what they look like. */
  #ownKinds(schema: JsonObject): JsonObject {
    const { [kindsOf]: kinds, ...rest } = schema
    if (kinds === undefined) return schema
    const ours = Array.isArray(kinds) ? (kinds as readonly Json[]).filter(this.#isOwn) : []
    return ours.length === 0 ? rest : { ...rest, [kindsOf]: ours }
  }
}

const types: ReadonlySet<Json> = new Set([
  'object',
  'array',
  'string',
  'integer',
  'number',
  'boolean',
])

/** Why clients could not read a schema; null where they can. */
function shapeProblem({ type, items, properties }: JsonObject): string | null {
  const given = Array.isArray(type) ? (type as readonly Json[]) : type === undefined ? [] : [type]
  if (given.length > 1) return 'a schema has more than one type'
  const [only] = given
  if (only !== undefined && !types.has(only)) return `a schema has the type ${JSON.stringify(only)}`
  if (only === 'array' && !isJsonObject(items)) return 'a schema of a list does not say of what'
  if (properties !== undefined && !isJsonObject(properties)) return 'properties are not an object'
  const bad = Object.entries(properties ?? {}).find(([, inner]) => !isJsonObject(inner))
  return bad === undefined ? null : `the schema of the property ${bad[0]} is not an object`
}

/** Without references to parameters and responses that stand elsewhere in the document. */
function inlined(item: JsonObject, document: JsonObject): JsonObject {
  const parameters = (value: Json): Json =>
    Array.isArray(value)
      ? (value as readonly Json[]).map(one => found(one, 'parameters', document))
      : []
  return mapped(item, (value, key) => {
    if (key === 'parameters') return parameters(value)
    if (!methods.has(key) || !isJsonObject(value)) return value
    return mapped(value, (part, name) => {
      if (name === 'parameters') return parameters(part)
      if (name !== 'responses' || !isJsonObject(part)) return part
      return mapped(part, response => found(response, 'responses', document))
    })
  })
}

function found(value: Json, where: 'parameters' | 'responses', document: JsonObject): Json {
  if (!isJsonObject(value)) throw new Error(`one of its ${where} is not an object`)
  const { $ref } = value
  if (typeof $ref !== 'string') return value
  const prefix = `#/${where}/`
  const target = $ref.startsWith(prefix)
    ? own(objectAt(document, where), $ref.slice(prefix.length))
    : undefined
  if (!isJsonObject(target)) throw new Error(`it refers to ${$ref}, which is not there`)
  return target
}
