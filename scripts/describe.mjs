// Writes dist/api-descriptions.json: what the fields of Kubernetes objects mean, as the client library
// of Kubernetes says it beside its types. `kubectl explain` prints these texts. Without the library
// there is no file, and the API server goes on without.

import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = resolve(import.meta.dirname, '..')
const models = join(root, 'node_modules', '@kubernetes', 'client-node', 'dist', 'gen', 'models')
const catalogue = join(root, 'dist', 'orchestrator', 'api', 'schema', 'catalogue.js')
const target = join(root, 'dist', 'api-descriptions.json')

const changedMs = path => (existsSync(path) ? statSync(path).mtimeMs : Infinity)

function isFresh() {
  if (!existsSync(target)) return false
  const sources = [catalogue, models, import.meta.filename, join(root, 'dist', '.tsbuildinfo')]
  return sources.every(path => changedMs(path) < statSync(target).mtimeMs)
}

/** The text of a doc comment. The generator escapes, and makes spaces of what ended lines. */
function textOf(comment) {
  return comment
    .split('\n')
    .map(line => line.replace(/^\s*\*+ ?/, '').trimEnd())
    .join('\n')
    .trim()
    .replaceAll(/\\(["'`\\])/g, '$1')
    .replaceAll(/\*_\/|\/_\*/g, found => found.replace('_', ''))
    .replaceAll(/(?<=\S) {2,}(?=\S)/g, '\n\n')
}

/** One class: its comment, and those of its fields. A field without one is there all the same. */
function classOf(source) {
  const start = source.indexOf('export declare class')
  if (start === -1) return null
  const comments = [...source.slice(0, start).matchAll(/\/\*\*([^]*?)\*\//g)]
  // The first comment is the file's.
  const own = comments.length > 1 ? textOf(comments.at(-1)[1]) : ''
  const fields = {}
  const field = /(?:\/\*\*((?:(?!\*\/)[^])*)\*\/\s*)?^ {4}'([^']+)'\??:/gm
  for (const [, comment = '', name] of source.slice(start).matchAll(field)) {
    fields[name.replace(/^_/, '')] = textOf(comment)
  }
  return { description: own, fields }
}

/** The generator puts the group before the version where two groups have a type of one name. */
function classNames(struct) {
  const [name, version, group] = struct.split('.').reverse()
  const capital = text => text.charAt(0).toUpperCase() + text.slice(1)
  // What has become stable since is described under the version before.
  const versions = [capital(version), 'V1beta1', 'V1alpha1']
  return [`${capital(group)}${capital(version)}${name}`, ...versions.map(v => `${v}${name}`)]
}

/** A class of the same name that is about something else shares few fields. */
function describes(found, struct) {
  const names = Object.keys(found.fields)
  return names.filter(name => struct.fields.has(name)).length * 2 >= names.length
}

async function describe() {
  if (!existsSync(models) || !existsSync(catalogue) || isFresh()) return
  const { schemaFiles } = await import(pathToFileURL(catalogue).href)
  const known = new Set(readdirSync(models).filter(file => file.endsWith('.d.ts')))
  const result = {}
  for (const struct of schemaFiles.flatMap(({ structs }) => structs)) {
    const file = classNames(struct.name).find(name => known.has(`${name}.d.ts`))
    if (file === undefined) continue
    const found = classOf(readFileSync(join(models, `${file}.d.ts`), 'utf8'))
    if (found === null || !describes(found, struct)) continue
    const fields = Object.entries(found.fields).filter(
      ([name, text]) => text !== '' && struct.fields.has(name),
    )
    result[struct.name] = { description: found.description, fields: Object.fromEntries(fields) }
  }
  writeFileSync(target, `${JSON.stringify(result)}\n`)
}

await describe()
