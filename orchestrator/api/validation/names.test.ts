import { expect, test } from 'vitest'
import * as names from './names.js'

const long = 'a'.repeat(64)

test.each<readonly [string, (value: string) => string[], readonly string[], readonly string[]]>([
  [
    'labels',
    names.dns1123Label,
    ['a', 'a-1', '1a', 'a'.repeat(63)],
    ['', 'A', '-a', 'a-', 'a.b', long],
  ],
  [
    'subdomains',
    names.dns1123Subdomain,
    ['a', 'a.b-c.d', '1.2', `${'a'.repeat(60)}.${'b'.repeat(100)}`],
    ['', 'a..b', '.a', 'a.', 'a_b', 'A.b', 'a'.repeat(254)],
  ],
  ['service names', names.dns1035, ['a', 'a-1'], ['', '1a', 'A', 'a-', 'a.b', long]],
  [
    'qualified names',
    names.qualifiedName,
    ['a', 'A_b.c-d', 'example.com/a', '1'],
    ['', '/a', 'a/', 'a/b/c', '-a', 'Example/a', long, `x/${long}`],
  ],
  ['label values', names.labelValue, ['', 'a', 'A_b.c', '1'], ['-a', 'a-', 'a b', 'ä', long]],
  [
    'port names',
    names.portName,
    ['http', 'a1', '1a'],
    ['', '80', 'HTTP', 'a--b', '-a', 'a'.repeat(16)],
  ],
  [
    'keys of config maps',
    names.configMapKey,
    ['a', 'A.b-c_d', '.x'],
    ['', '.', '..', '..a', 'a/b'],
  ],
  ['environment names', names.environmentName, ['A', 'a.b-c', 'a b'], ['', 'a=b', 'ä']],
  [
    'IP addresses',
    names.ipAddress,
    ['10.0.0.1', '::', '::1', 'fd00::1:2', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4'],
    ['', '1.2.3', '256.1.1.1', '01.2.3.4', '1::2::3', '1:2:3:4:5:6:7:8:9', ':1', 'g::'],
  ],
  [
    'CIDRs',
    names.cidr,
    ['10.0.0.0/8', '0.0.0.0/0', 'fd00::/64'],
    ['', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '/8'],
  ],
])('%s are told from what is none', (_, rule, good, bad) => {
  expect(good.filter(value => rule(value).length > 0)).toEqual([])
  expect(bad.filter(value => rule(value).length === 0)).toEqual([])
})

test('texts name the rule as users know it', () => {
  expect(names.dns1123Label('A')).toEqual([
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must " +
      "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for " +
      "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  ])
  expect(names.labelValue(long)).toEqual(['must be no more than 63 characters'])
})

test('hostile texts are judged at once', () => {
  const hostile = `${'a-'.repeat(100_000)}!`
  expect(names.dns1123Subdomain(hostile)).toHaveLength(1)
  expect(names.qualifiedName(hostile)).toHaveLength(1)
})
