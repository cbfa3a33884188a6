// Named formats: format.dns1123Label().validate(name) is none, or what is wrong with the name.
// Counterpart: k8s.io/apiserver/pkg/cel/library format.

import { Optional } from '@marcbachmann/cel-js'
import type { Environment } from '@marcbachmann/cel-js'
import { isBase64 } from '../../base64.js'
import { parseTime } from '../../time.js'
import {
  dns1035,
  dns1123Label,
  dns1123Subdomain,
  labelValue,
  qualifiedName,
} from '../../validation/names.js'

type Check = (text: string) => readonly string[]

class FormatValue {
  readonly name: string
  readonly check: Check

  constructor(name: string, check: Check) {
    this.name = name
    this.check = check
  }
}

/** A prefix may end in the dash that parts it from what is generated. */
function prefixed(check: Check): Check {
  return text => check(text.endsWith('-') ? `${text.slice(0, -1)}a` : text)
}

function holds(what: string, test: (text: string) => boolean): Check {
  return text => (test(text) ? [] : [what])
}

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const isDate = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text) && isTime(`${text}T00:00:00Z`)
const isTime = (text: string) => parseTime(text) !== null

const formats: ReadonlyMap<string, FormatValue> = new Map(
  (
    [
      ['dns1123Label', dns1123Label],
      ['dns1123Subdomain', dns1123Subdomain],
      ['dns1035Label', dns1035],
      ['qualifiedName', qualifiedName],
      ['dns1123LabelPrefix', prefixed(dns1123Label)],
      ['dns1123SubdomainPrefix', prefixed(dns1123Subdomain)],
      ['dns1035LabelPrefix', prefixed(dns1035)],
      ['labelValue', labelValue],
      ['uri', holds('invalid URI', text => URL.canParse(text) || /^\/[^\s]*$/.test(text))],
      ['uuid', holds('does not match the UUID format', text => uuid.test(text))],
      ['byte', holds('invalid base64', isBase64)],
      ['date', holds('invalid date', isDate)],
      ['datetime', holds('invalid datetime', isTime)],
    ] satisfies readonly (readonly [string, Check])[]
  ).map(([name, check]) => [name, new FormatValue(name, check)]),
)

class FormatNamespace {
  readonly name = 'format'
}

export function withFormats(environment: Environment): Environment {
  const type = 'kubernetes.NamedFormat'
  const extended = environment
    .registerType(type, { ctor: FormatValue })
    .registerType('FormatNamespace', { ctor: FormatNamespace })
    .registerConstant('format', 'FormatNamespace', new FormatNamespace())
    .registerFunction(
      `FormatNamespace.named(string): optional<${type}>`,
      (_: FormatNamespace, name: string) => {
        const found = formats.get(name)
        return found === undefined ? Optional.none() : Optional.of(found)
      },
    )
    .registerFunction(
      `${type}.validate(string): optional<list<string>>`,
      ({ check }: FormatValue, text: string) => {
        const wrong = check(text)
        return wrong.length === 0 ? Optional.none() : Optional.of(wrong)
      },
    )
  for (const [name, value] of formats) {
    extended.registerFunction(`FormatNamespace.${name}(): ${type}`, () => value)
  }
  return extended
}
