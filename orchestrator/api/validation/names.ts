// Rules for names, labels and other short strings. Each check returns the texts of what is wrong, in
// the words of util/validation of k8s.io/apimachinery; an empty list means the value is good.

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const subdomain = `${label}(\\.${label})*`
const dns1035Label = '[a-z]([-a-z0-9]*[a-z0-9])?'
const qualifiedPart = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const configKey = '[-._a-zA-Z0-9]+'

/** Matched piece by piece: the quoted patterns nest repetitions, which backtrack for ever. */
const labelExpression = /^[a-z0-9](?:[-a-z0-9]{0,251}[a-z0-9])?$/
const dns1035Expression = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/
const qualifiedExpression = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const configKeyExpression = /^[-._a-zA-Z0-9]+$/

export const labelBytesMax = 63
export const subdomainBytesMax = 253
const portNameBytesMax = 15

function because(message: string, pattern: string, ...examples: readonly string[]): string {
  const list = examples.map(e => `'${e}'`).join(',  or ')
  return `${message} (e.g. ${list}, regex used for validation is '${pattern}')`
}

function atMost(bytes: number): string {
  return `must be no more than ${bytes} characters`
}

export function dns1123Label(value: string): string[] {
  const errors: string[] = []
  if (value.length > labelBytesMax) errors.push(atMost(labelBytesMax))
  if (!labelExpression.test(value.slice(0, subdomainBytesMax))) {
    const text =
      'a lowercase RFC 1123 label must consist of lower case alphanumeric characters or ' +
      "'-', and must start and end with an alphanumeric character"
    errors.push(because(text, label, 'my-name', '123-abc'))
  }
  return errors
}

export function dns1123Subdomain(value: string): string[] {
  const errors: string[] = []
  if (value.length > subdomainBytesMax) errors.push(atMost(subdomainBytesMax))
  else if (value.split('.').every(part => labelExpression.test(part))) return errors
  const text =
    'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ' +
    "'-' or '.', and must start and end with an alphanumeric character"
  if (errors.length === 0) errors.push(because(text, subdomain, 'example.com'))
  return errors
}

/** Hosts of an Ingress that stand for every name one label below. */
export function wildcardSubdomain(value: string): string[] {
  const rest = value.startsWith('*.') ? value.slice(2) : ''
  if (rest !== '' && dns1123Subdomain(rest).length === 0) return []
  const text =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which " +
    "must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric " +
    'character'
  return [because(text, `\\*\\.${subdomain}`, '*.example.com')]
}

/** Names of Services. */
export function dns1035(value: string): string[] {
  const errors: string[] = []
  if (value.length > labelBytesMax) errors.push(atMost(labelBytesMax))
  if (!dns1035Expression.test(value.slice(0, labelBytesMax))) {
    const text =
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an " +
      'alphabetic character, and end with an alphanumeric character'
    errors.push(because(text, dns1035Label, 'my-name', 'abc-123'))
  }
  return errors
}

/** Keys of labels, annotations, taints and resources: `[prefix/]name`. */
export function qualifiedName(value: string): string[] {
  const partText =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
    'alphanumeric character'
  const examples = ['MyName', 'my.name', '123-abc'] as const
  const parts = value.split('/')
  const errors: string[] = []
  if (parts.length > 2) {
    const text = because(`a qualified name ${partText}`, qualifiedPart, ...examples)
    return [`${text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  const name = parts.at(-1) ?? ''
  if (parts.length === 2) {
    const prefix = parts[0] ?? ''
    if (prefix === '') errors.push('prefix part must be non-empty')
    else errors.push(...dns1123Subdomain(prefix).map(text => `prefix part ${text}`))
  }
  if (name === '') errors.push('name part must be non-empty')
  else if (name.length > labelBytesMax) errors.push(`name part ${atMost(labelBytesMax)}`)
  if (!qualifiedExpression.test(name)) {
    if (name.length <= labelBytesMax) {
      errors.push(because(`name part ${partText}`, qualifiedPart, ...examples))
    }
  }
  return errors
}

export function labelValue(value: string): string[] {
  if (value.length > labelBytesMax) return [atMost(labelBytesMax)]
  if (value === '' || qualifiedExpression.test(value)) return []
  const text =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " +
    'and must start and end with an alphanumeric character'
  return [because(text, `(${qualifiedPart})?`, 'MyValue', 'my_value', '12345')]
}

export function portNumber(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive']
}

/** An IANA service name. */
export function portName(value: string): string[] {
  const errors: string[] = []
  if (value.length > portNameBytesMax) errors.push(atMost(portNameBytesMax))
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)')
  if (value.includes('--')) errors.push('must not contain consecutive hyphens')
  if (value.startsWith('-') || value.endsWith('-')) {
    errors.push('must not begin or end with a hyphen')
  }
  return errors
}

/** Keys of ConfigMaps and Secrets, which become file names. */
export function configMapKey(value: string): string[] {
  const errors: string[] = []
  if (value.length > subdomainBytesMax) errors.push(atMost(subdomainBytesMax))
  if (!configKeyExpression.test(value)) {
    const text = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    errors.push(because(text, configKey, 'key.name', 'KEY_NAME', 'key-name'))
  }
  if (value === '.') errors.push("must not be '.'")
  else if (value === '..') errors.push("must not be '..'")
  else if (value.startsWith('..')) errors.push("must not start with '..'")
  return errors
}

export function environmentName(value: string): string[] {
  if (/^[ -<>-~]+$/.test(value)) return []
  const text = 'a valid environment variable name must consist only of printable ASCII characters'
  return [`${text} other than '='`]
}

export function isIpv4(value: string): boolean {
  const parts = value.split('.')
  if (parts.length !== 4) return false
  return parts.every(part => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)
}

export function isIpv6(value: string): boolean {
  if (value.length > 45 || !/^[0-9a-fA-F:.]+$/.test(value)) return false
  const halves = value.split('::')
  if (halves.length > 2) return false
  let groups = 0
  for (const [index, half] of halves.entries()) {
    if (half === '') continue
    const pieces = half.split(':')
    for (const [position, piece] of pieces.entries()) {
      const last = index === halves.length - 1 && position === pieces.length - 1
      if (last && isIpv4(piece)) groups += 2
      else if (/^[0-9a-fA-F]{1,4}$/.test(piece)) groups += 1
      else return false
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8
}

export function ipAddress(value: string): string[] {
  if (isIpv4(value) || isIpv6(value)) return []
  return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
}

export function cidr(value: string): string[] {
  const slash = value.indexOf('/')
  const address = value.slice(0, slash)
  const bits = value.slice(slash + 1)
  const bitsMax = isIpv4(address) ? 32 : isIpv6(address) ? 128 : -1
  if (slash > 0 && /^(?:0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= bitsMax) return []
  return ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']
}

/** What becomes a part of a URL: names of kinds and objects that are referred to. */
export function pathSegment(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`]
  return ['/', '%'].filter(part => value.includes(part)).map(part => `may not contain '${part}'`)
}
