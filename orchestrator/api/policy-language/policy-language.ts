// What conditions of webhooks and expressions of policies are written in: CEL with the request and what
// is around it. Counterpart: k8s.io/apiserver/pkg/admission/plugin/cel compile.

import { CelError } from '../cel/cel-error.js'
import { celEnvironment } from '../cel/environment.js'
import { goType, markedProblem } from '../cel/error-text.js'
import { withAuthorizer } from '../cel/library/authorizer.js'
import { Language } from '../cel/program.js'
import type { Program } from '../cel/program.js'

/** Which variables there are beside object, oldObject, request and namespaceObject. */
export interface Surroundings {
  readonly params: boolean
  readonly authorizer: boolean
  /** Names of those that stand before the expression; null: the policy has none. */
  readonly variables: ReadonlySet<string> | null
}

/** "bool", "string", "null", "Object", "list<JSONPatch>". Empty: any. */
export type Answers = readonly string[]

/** Fields of the variable `request`. */
const requestFields: ReadonlySet<string> = new Set([
  'dryRun',
  'kind',
  'name',
  'namespace',
  'operation',
  'options',
  'requestKind',
  'requestResource',
  'requestSubResource',
  'resource',
  'subResource',
  'uid',
  'userInfo',
])

const languages = new Map<string, Language>()

function languageFor({ params, authorizer, variables }: Surroundings): Language {
  const key = `${params} ${authorizer} ${variables !== null}`
  const known = languages.get(key)
  if (known !== undefined) return known
  const environment = withAuthorizer(celEnvironment())
  const names = ['object', 'oldObject', 'request', 'namespaceObject']
  if (params) names.push('params')
  if (variables !== null) names.push('variables')
  for (const name of names) environment.registerVariable(name, 'dyn')
  if (authorizer) environment.registerVariable('authorizer', 'kubernetes.authorization.Authorizer')
  const made = new Language(environment)
  languages.set(key, made)
  return made
}

/** Throws CelError. */
export function compilePolicyExpression(
  expression: string,
  surroundings: Surroundings,
  answers: Answers,
): Program {
  const program = languageFor(surroundings).compile(expression)
  const known = new Map([
    ['request', requestFields],
    ['variables', surroundings.variables ?? new Set<string>()],
  ])
  for (const { root, field, offset } of program.selections) {
    if (known.get(root)?.has(field) !== false) continue
    throw new CelError('compile', markedProblem(expression, offset, `undefined field '${field}'`))
  }
  if (
    answers.length > 0 &&
    program.type !== 'dyn' &&
    !answers.some(one => fits(program.type, one))
  ) {
    throw new CelError('wrong-type', `must evaluate to ${shownAnswers(answers)}`)
  }
  return program
}

/** What only is known to be a list may be one of the right elements. */
function fits(type: string, wanted: string): boolean {
  return type === wanted || (wanted.startsWith('list<') && /^list(?:<(?:dyn|T)>)?$/.test(type))
}

function shownAnswers(answers: Answers): string {
  const names = answers.map(one => (one === 'null' ? 'null_type' : goType(one)))
  return names.length === 1 ? (names[0] ?? '') : `one of [${names.join(' ')}]`
}

/** As it stands in a cause: "compilation failed: ERROR: …". */
export function compileDetail({ kind, message }: CelError): string {
  return kind === 'wrong-type' ? message : `compilation failed: ${message}`
}
