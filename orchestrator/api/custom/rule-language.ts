// What rules of definitions are written in: CEL with the value and what it was before. Counterpart:
// apiserver/schema/cel's compilation.

import { celEnvironment } from '../cel/environment.js'
import { Language } from '../cel/program.js'

export const ruleLanguage = new Language(
  celEnvironment().registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn'),
)
