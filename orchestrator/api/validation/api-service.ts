// Checks of APIServices. Counterpart: apis/apiregistration/validation of kube-aggregator.

import type { FieldError } from '../kind.js'
import type { APIService, APIServiceSpec, ServiceReference } from '../types/apiregistration.js'
import { invalidFor, invalidValue, required } from './field-errors.js'
import { validateObjectName } from './metadata.js'
import { dns1035, dns1123Subdomain } from './names.js'

const groupPriorityMax = 20_000
const versionPriorityMax = 1_000

export function validateApiService(service: APIService): FieldError[] {
  const { spec } = service
  const { group = '', version = '' } = spec
  const errors = validateObjectName(service, name => {
    const wanted = `${version}.${group}`
    return name === wanted ? [] : [`must be \`spec.version+"."+spec.group\`: "${wanted}"`]
  })
  if (group === '' && version !== 'v1') {
    const text = 'only v1 may have an empty group and it better be legacy kube'
    errors.push(required('spec.group', text))
  }
  if (group !== '') errors.push(...invalidFor('spec.group', group, dns1123Subdomain(group)))
  errors.push(...invalidFor('spec.version', version, dns1035(version)))
  errors.push(...priorityErrors(spec))
  return [
    ...errors,
    ...(spec.service === undefined ? localErrors(spec) : remoteErrors(spec, spec.service)),
  ]
}

function priorityErrors(spec: APIServiceSpec): FieldError[] {
  const { groupPriorityMinimum, versionPriority } = spec
  const errors: FieldError[] = []
  const check = (field: string, value: number, max: number) => {
    if (value > 0 && value <= max) return
    errors.push(invalidValue(`spec.${field}`, value, `must be positive and less than ${max}`))
  }
  check('groupPriorityMinimum', groupPriorityMinimum, groupPriorityMax)
  check('versionPriority', versionPriority, versionPriorityMax)
  return errors
}

function localErrors({ caBundle = '', insecureSkipTLSVerify = false }: APIServiceSpec) {
  const errors: FieldError[] = []
  if (caBundle !== '') {
    const bytes = `${Math.floor((caBundle.replace(/=+$/, '').length * 3) / 4)} bytes`
    const text = 'local APIServices may not have a caBundle'
    errors.push(invalidValue('spec.caBundle', bytes, text))
  }
  if (insecureSkipTLSVerify) {
    const text = 'local APIServices may not have insecureSkipTLSVerify'
    errors.push(invalidValue('spec.insecureSkipTLSVerify', true, text))
  }
  return errors
}

function remoteErrors(
  { caBundle = '', insecureSkipTLSVerify = false }: APIServiceSpec,
  { namespace = '', name = '', port = 443 }: ServiceReference,
): FieldError[] {
  const errors: FieldError[] = []
  if (namespace === '') errors.push(required('spec.service.namespace'))
  if (name === '') errors.push(required('spec.service.name'))
  if (port < 1 || port > 65_535) {
    const text = 'port is not valid: must be between 1 and 65535, inclusive'
    errors.push(invalidValue('spec.service.port', port, text))
  }
  if (insecureSkipTLSVerify && caBundle !== '') {
    const text = 'may not be true if caBundle is present'
    errors.push(invalidValue('spec.insecureSkipTLSVerify', true, text))
  }
  return errors
}
